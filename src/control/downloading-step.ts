import type { Run } from "../domain/run.ts";
import { failureContext, toStoring, type Carried, type StepParts } from "./carried.ts";
import { isPassingTrouble, messageOf, outcomeOfStaging } from "./failures.ts";
import type { Started } from "./all-or-none.ts";

/** Stages code and data and starts the learners → running, or → storing when that failed. */
export async function download(parts: StepParts, run: Run, carried: Carried, shutdown: AbortSignal): Promise<void> {
  const { book, clock, log, preparation } = parts;
  const startedAt = clock.now();
  let started: Started;
  try {
    started = await preparation.prepareAndStart(run, startedAt, { stop: carried.stop.signal, shutdown });
  } catch (error) {
    shutdown.throwIfAborted();
    if (isPassingTrouble(error)) throw error;
    if (carried.stop.signal.aborted) return toStoring(parts, run, { state: "canceled" });
    log.error({ runId: run.id, error: messageOf(error), stack: (error as Error).stack }, "a run was not started");
    return toStoring(parts, run, outcomeOfStaging(error, failureContext(run, [])));
  }
  const { handles, environment } = started;
  const place = environment === null ? "" : ` in ${environment}`;
  await book.advance(run.id, "running", { startedAt, handles, environment }, `The program started${place}.`);
}
