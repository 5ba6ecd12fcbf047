import type { Problem } from "../contract/problem.ts";

/**
 * Why a call gave no answer.
 * `problem`: the server said what is wrong. `unreachable`: the connection failed or broke, so whether a change was
 * made is unknown. `unexpected`: something answered that does not speak our contract.
 */
export type ClientErrorKind = "problem" | "unreachable" | "unexpected";

export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly kind: ClientErrorKind;
  readonly hint: string;
  /** What the server said; only of kind `problem`. */
  readonly problem: Problem | undefined;

  constructor(kind: ClientErrorKind, message: string, hint: string, more: { problem?: Problem; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.kind = kind;
    this.hint = hint;
    this.problem = more.problem;
  }
}

export function refusedBy(problem: Problem): ClientError {
  return new ClientError("problem", problem.detail, problem.hint, { problem });
}

export function unreachable(url: string, cause: unknown): ClientError {
  return new ClientError(
    "unreachable",
    `The server at ${url} cannot be reached (${reasonOf(cause)}).`,
    "Check that it runs and that the address is right, then try again.",
    { cause },
  );
}

export function unexpectedAnswer(url: string, fact: string): ClientError {
  return new ClientError(
    "unexpected",
    `What answers at ${url} does not speak Trainyard's API: ${fact}.`,
    "Check the address: another service, or a proxy, may be listening there.",
  );
}

/** Worth repeating as it is: the connection broke, or the server asked for patience. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof ClientError)) return false;
  if (error.kind === "unreachable") return true;
  return error.problem?.kind === "unavailable" || error.problem?.kind === "rate_limited";
}

/** True when no connection came about at all, so that the server cannot have seen the request. */
export function neverArrived(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"].includes(code);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection broke",
  EPIPE: "the connection broke",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up now",
  EHOSTUNREACH: "no way to the host",
  ENETUNREACH: "no way to the network",
  ETIMEDOUT: "no answer in time",
  UND_ERR_SOCKET: "the connection broke",
  UND_ERR_CONNECT_TIMEOUT: "no answer in time",
};

function reasonOf(cause: unknown): string {
  const code = codeOf(cause);
  if (code !== undefined) return REASONS[code] ?? code;
  return cause instanceof Error ? cause.message : String(cause);
}

/** The first system code in a chain of causes: `fetch` hides the real reason one level down. */
function codeOf(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if ("code" in current && typeof current.code === "string") return current.code;
    // Trying several addresses of one name fails as a whole; the last address speaks for all.
    current = current instanceof AggregateError ? current.errors.at(-1) : current.cause;
  }
  return undefined;
}
