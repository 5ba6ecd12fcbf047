/** What went wrong at a store, as far as anybody can act on it. */
export type RemoteReason =
  | "unreachable"
  | "address_refused"
  | "denied"
  | "bucket_missing"
  | "object_missing"
  | "throttled"
  | "server_error"
  | "corrupted"
  | "disk_full"
  | "invalid";

/** Trouble at a remote store. `retryable` answers whether the same call may succeed later without anybody acting. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  readonly reason: RemoteReason;
  readonly retryable: boolean;
  readonly status: number | null;
  readonly requestId: string | null;
  /** How long the store asked to wait (Retry-After); null when it did not. */
  readonly retryAfterMs: number | null;
  /** What to do where the reason alone says too little; null where it does not. */
  readonly hint: string | null;

  constructor(
    reason: RemoteReason,
    message: string,
    facts: {
      retryable: boolean;
      status?: number | null;
      requestId?: string | null;
      retryAfterMs?: number | null;
      cause?: unknown;
      hint?: string | null;
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.reason = reason;
    this.retryable = facts.retryable;
    this.status = facts.status ?? null;
    this.requestId = facts.requestId ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.hint = facts.hint ?? null;
  }

  get notFound(): boolean {
    return this.reason === "bucket_missing" || this.reason === "object_missing";
  }
}

/** The trouble that was told before, by this error or by one that caused it: telling it again would only blur it. */
export function findRemoteError(error: unknown): RemoteError | undefined {
  for (let inner: unknown = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof RemoteError) return inner;
  }
  return undefined;
}
