import type { Run } from "../../domain/run.ts";
import type { Engine, Handle } from "../../engines/engine.ts";
import { EngineError } from "../../engines/engine-error.ts";
import type { PreparationSignals, Started } from "../run/preparing.ts";
import { isPassingTrouble, messageOf } from "../run/failures.ts";
import { insist, type InsistParts } from "../run/insist.ts";
import { learnerDirectory, learnersOf, runDirectory } from "../run/run-directory.ts";

export interface LearnerParts extends InsistParts {
  readonly home: string;
  readonly engine: Engine;
}

/** How the learners of a run come to be. */
export interface Starting {
  /** Starts every learner; those that an earlier try started are found and not started again. */
  startAll(signal: AbortSignal): Promise<Started>;
  /** What to call the environment of learners that run already. */
  labelOf(signal: AbortSignal): Promise<string | null>;
}

/**
 * Starts all learners of an attempt, or finds the ones that a server before this one started. When that fails,
 * nothing of the attempt is left alive before the promise rejects: all learners or none. Only passing trouble and
 * the end of the server leave them as they are, for the next try to find.
 */
export async function allOrNone(
  parts: LearnerParts,
  run: Run,
  signals: PreparationSignals,
  starting: Starting,
): Promise<Started> {
  try {
    const live = await findAll(parts, run, signals.shutdown);
    if (live.length === run.spec.learners) {
      return { handles: live, startedAt: parts.clock.now(), environment: await starting.labelOf(signals.shutdown) };
    }
    return await starting.startAll(AbortSignal.any([signals.stop, signals.shutdown]));
  } catch (error) {
    signals.shutdown.throwIfAborted();
    if (isPassingTrouble(error)) throw error;
    await stopAll(parts, run, signals.shutdown);
    throw error;
  }
}

/** The learners of the attempt that were started before, in order. What cannot be looked up now may be alive, so it is looked up until it can. */
async function findAll(parts: LearnerParts, run: Run, signal: AbortSignal): Promise<Handle[]> {
  const found = await Promise.all(
    learnersOf(run).map(async (learner) => insist(parts, run.id, async () => find(parts, run, learner), signal)),
  );
  return found.filter((handle) => handle !== undefined);
}

/** Leaves nothing of the attempt alive. */
async function stopAll(parts: LearnerParts, run: Run, signal: AbortSignal): Promise<void> {
  const stop = async (learner: number): Promise<void> => {
    const handle = await find(parts, run, learner);
    if (handle !== undefined) await parts.engine.stop(handle, 0);
  };
  await Promise.all(
    learnersOf(run).map(async (learner) => {
      try {
        await insist(parts, run.id, async () => stop(learner), signal);
      } catch (error) {
        signal.throwIfAborted();
        // The engine knows for certain that there is nothing it could stop; why is in the run's own failure.
        parts.log.warn({ runId: run.id, learner, error: messageOf(error) }, "there is no learner to stop");
      }
    }),
  );
}

async function find(parts: LearnerParts, run: Run, learner: number): Promise<Handle | undefined> {
  return parts.engine.find(learnerDirectory(runDirectory(parts.home, run.id), learner), run.attempt);
}

/** Waits for all, also when one fails: whoever cleans up must not be overtaken by a learner that comes up late. */
export async function awaitAll(starts: readonly Promise<Handle>[]): Promise<Handle[]> {
  const results = await Promise.allSettled(starts);
  const failed = results.findIndex((result) => result.status === "rejected");
  if (failed === -1) return Promise.all(starts);
  const { reason } = results[failed] as PromiseRejectedResult;
  if (starts.length === 1) throw reason;
  const message = `learner ${failed + 1} of ${starts.length} did not come up: ${messageOf(reason)}`;
  throw new EngineError(message, { retryable: false, cause: reason });
}
