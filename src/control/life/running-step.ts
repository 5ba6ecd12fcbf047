import type { Run } from "../../domain/run.ts";
import { endAttempt } from "./attempt-end.ts";
import { failureContext, type Carried, type StepParts } from "./carried.ts";
import { accompany } from "../run/companion.ts";
import { awaitEndings, isSuccess, outcomeOfEndings } from "./endings.ts";
import { messageOf, type FailureContext } from "../run/failures.ts";
import { insist } from "../run/insist.ts";
import { learnersOf } from "../run/run-directory.ts";
import { outcomeOfTimeLimit } from "./time-limit.ts";

/** Waits for the end of the learners → storing, or → pending for another attempt. */
export async function awaitEnd(parts: StepParts, run: Run, carried: Carried, shutdown: AbortSignal): Promise<void> {
  const { book, clock, engine, remains, stopGraceMs } = parts;
  if (run.handles.length === 0) throw new Error(`Run '${run.id}' is running without a handle.`);
  carried.handles = run.handles;
  const over = new AbortController();
  const beside = accompany(parts.companions, run, AbortSignal.any([over.signal, shutdown]), parts.log);
  try {
    // A wish that came before the handles were set found nobody to stop.
    if (carried.stop.signal.aborted) {
      stopLearners(parts, run.id, carried, (await book.get(run.id)).stopGraceMs ?? 0);
    }
    const onFailure = (): void => stopLearners(parts, run.id, carried, stopGraceMs);
    const endings = await awaitEndings(engine, run.handles, () => clock.now(), onFailure, shutdown);
    // Read again: the wish to stop, or the time limit, may have come while we waited.
    const latest = await book.get(run.id);
    const tails =
      endings.every(({ ending }) => isSuccess(ending)) && latest.limitReached === null
        ? []
        : await tailsOf(remains, run);
    const contextOf = (learner: number): FailureContext => failureContext(run, tails[learner - 1] ?? []);
    const outcome =
      latest.limitReached === null
        ? outcomeOfEndings(endings, latest, contextOf)
        : outcomeOfTimeLimit(latest.limitReached, endings, contextOf(1));
    await endAttempt(parts, run, outcome);
  } finally {
    carried.handles = [];
    over.abort(new Error("The program has ended."));
    await beside;
  }
}

async function tailsOf(remains: StepParts["remains"], run: Run): Promise<readonly (readonly string[])[]> {
  return Promise.all(learnersOf(run).map(async (learner) => remains.logTail(run, learner)));
}

/** Asks every learner to end, and insists after the grace; tried again until it is done or the run is carried no longer. */
export function stopLearners(parts: StepParts, id: string, { handles, over }: Carried, graceMs: number): void {
  const { engine, clock, log } = parts;
  const deadlineMs = clock.monotonicMs() + graceMs;
  for (const handle of handles) {
    const stop = async (): Promise<void> => engine.stop(handle, Math.max(0, deadlineMs - clock.monotonicMs()));
    insist(parts, id, stop, over.signal).catch((error: unknown) => {
      if (!over.signal.aborted) log.error({ runId: id, error: messageOf(error) }, "a learner cannot be stopped");
    });
  }
}
