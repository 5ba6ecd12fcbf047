/**
 * What an engine could not do. `message` is a sentence for people that names the thing and its value.
 * A learner's own end is never one of these: that is an `Observation`.
 */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** Whether the same call may succeed later without anybody acting. */
  readonly retryable: boolean;

  constructor(message: string, facts: { readonly retryable: boolean; readonly cause?: unknown }) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.retryable = facts.retryable;
  }
}
