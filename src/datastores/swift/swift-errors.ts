import { judgeConnection, type Judgement } from "../connection-trouble.ts";
import type { Outcome } from "../http-client.ts";
import { findRemoteError, RemoteError } from "../remote-error.ts";
import { parseRetryAfter } from "../retry-after.ts";

const REFUSED = { reason: "invalid", retryable: false } as const;
const BUSY: Judgement = { reason: "throttled", retryable: true, fact: "the store asked for fewer requests" };

const BY_STATUS: Readonly<Record<number, Judgement>> = {
  401: {
    reason: "denied",
    retryable: false,
    fact: "the store does not accept the token of a new login; do 'auth_url' and 'region' belong together?",
  },
  403: {
    reason: "denied",
    retryable: false,
    fact: "the user may not do this; data needs the right to read, results the right to write",
  },
  404: { reason: "object_missing", retryable: false, fact: "the store does not have it" },
  408: { reason: "unreachable", retryable: true, fact: "the store waited too long for the request" },
  409: { reason: "server_error", retryable: true, fact: "another change of the same object was under way" },
  413: { ...REFUSED, fact: "it is larger than the store takes, or the quota is used up" },
  422: { reason: "corrupted", retryable: true, fact: "the bytes were damaged on the way" },
  429: BUSY,
  498: BUSY,
  501: { ...REFUSED, fact: "the store does not offer this" },
  503: BUSY,
  507: { reason: "denied", retryable: false, fact: "the store is full" },
};

/** `what` begins the sentence: `Object 'x' of bucket 'y' at https://example.org cannot be read`. */
export function translateOutcome(outcome: Outcome, what: string, better?: Partial<Judgement>): RemoteError {
  const { status } = outcome;
  const { reason, retryable, fact } = { ...judge(status, outcome.header("location")), ...better };
  const requestId = outcome.header("x-trans-id") ?? outcome.header("x-openstack-request-id") ?? null;
  const details = requestId === null ? `HTTP ${status}` : `HTTP ${status}, request ${requestId}`;
  const facts = { retryable, status, requestId, retryAfterMs: parseRetryAfter(outcome.header("retry-after")) };
  return new RemoteError(reason, `${what}: ${fact} (${details}).`, facts);
}

function judge(status: number, location: string | undefined): Judgement {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  if (status >= 300 && status < 400)
    return { ...REFUSED, fact: `the answer is a redirect${to(location)}, not followed` };
  if (status >= 500) return { reason: "server_error", retryable: true, fact: "the store had an error of its own" };
  return status >= 400
    ? { ...REFUSED, fact: "the store refused the request" }
    : { reason: "server_error", retryable: true, fact: "the answer is not one of a Swift store" };
}

/** The host alone: what follows it may hold anything. */
function to(location: string | undefined): string {
  return location !== undefined && URL.canParse(location) ? ` to ${new URL(location).origin}` : "";
}

/** For what is thrown instead of an answer. */
export function translateTrouble(error: unknown, what: string): RemoteError {
  const told = findRemoteError(error);
  if (told !== undefined) return told;
  const { code, path } = (error ?? {}) as { readonly code?: unknown; readonly path?: unknown };
  if (typeof path === "string") {
    // The near end: a file that was to be sent.
    const message = `${what}: the file '${path}' cannot be read (${String(code)}).`;
    return new RemoteError("invalid", message, { retryable: false, cause: error });
  }
  const { reason, retryable, fact } = judgeCode(typeof code === "string" ? code : "");
  // The error itself stays here: a library's may carry the request with its token.
  return new RemoteError(reason, `${what}: ${fact}.`, { retryable });
}

function judgeCode(code: string): Judgement {
  const connection = judgeConnection(code);
  if (connection !== undefined) return connection;
  if (code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH") {
    return { ...REFUSED, fact: "its file changed while it was being sent" };
  }
  return { reason: "server_error", retryable: true, fact: "the answer is not one of a Swift store" };
}
