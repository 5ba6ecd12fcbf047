import type { Run } from "../../domain/run.ts";
import { endAttempt } from "./attempt-end.ts";
import { failureContext, type Carried, type StepParts } from "./carried.ts";
import { isPassingTrouble, messageOf, outcomeOfStaging } from "../run/failures.ts";
import type { Started } from "../run/preparing.ts";
import { momentOfBoot } from "./time-limit.ts";

/** Stages code and data and starts the learners → running, or → storing or → pending when that failed. */
export async function download(parts: StepParts, run: Run, carried: Carried, shutdown: AbortSignal): Promise<void> {
  const { book, log, preparation, remains, machineTime } = parts;
  let started: Started;
  try {
    if (run.attempt > 1) await remains.setAsideLogs(run);
    started = await preparation.prepareAndStart(run, { stop: carried.stop.signal, shutdown });
  } catch (error) {
    shutdown.throwIfAborted();
    if (isPassingTrouble(error)) throw error;
    if (carried.stop.signal.aborted) return endAttempt(parts, run, { state: "canceled" });
    log.error({ runId: run.id, error: messageOf(error), stack: (error as Error).stack }, "a run was not started");
    return endAttempt(parts, run, outcomeOfStaging(error, failureContext(run, [])));
  }
  const { handles, startedAt, environment, staged = null, noticed = [] } = started;
  const place = environment === null ? "" : ` in ${environment}`;
  const startedOnBoot = await momentOfBoot(machineTime);
  const warnings = [...run.warnings, ...noticed];
  const change = { startedAt, startedOnBoot, handles, environment, staged, warnings };
  await book.advance(run.id, "running", change, `The program started${place}.`);
}
