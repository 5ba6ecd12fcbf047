import { backoffDelayMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../engines/engine-error.ts";
import { messageOf } from "./failures.ts";
import type { ServiceLog } from "./service-log.ts";

const PAUSES = { attempts: Infinity, firstDelayMs: 100, maxDelayMs: 5_000 };

export interface InsistParts {
  readonly clock: Clock;
  readonly log: ServiceLog;
}

/**
 * Repeats a call to the engine until it is done. For what must not be left undone, because a learner that was not
 * found or not stopped goes on holding its devices. Rejects with an error that the engine calls final, and on abort.
 */
export async function insist<T>(
  parts: InsistParts,
  runId: string,
  call: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineError && !error.retryable) throw error;
      parts.log.error({ runId, attempt, error: messageOf(error) }, "the engine failed; trying again");
      await parts.clock.sleep(backoffDelayMs(PAUSES, attempt), signal);
    }
  }
}
