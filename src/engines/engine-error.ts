/**
 * What an engine could not do. `message` is a sentence for people that names the thing and its value.
 * A learner's own end is never one of these: that is an `Observation`.
 */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** Whether the same call may succeed later without anybody acting. */
  readonly retryable: boolean;
  /** Who keeps a learner from being gone, as the middle of a sentence; null where that is not it, or not known. */
  readonly holder: string | null;

  constructor(
    message: string,
    facts: { readonly retryable: boolean; readonly cause?: unknown; readonly holder?: string },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.retryable = facts.retryable;
    this.holder = facts.holder ?? null;
  }
}
