import { backoffDelayMs } from "../../base/backoff.ts";
import type { Cause, RunFailure } from "../../domain/failure.ts";
import type { Run, RunOutcome } from "../../domain/run.ts";

/**
 * Whether another attempt may end better though nobody changes anything. What the program does by itself, and what
 * somebody has to mend first, would only fail again.
 */
const MAY_PASS: Readonly<Record<Cause, boolean>> = {
  program_exit: false,
  program_signal: false,
  command_not_found: false,
  command_not_executable: false,
  out_of_memory: false,
  data_missing: false,
  data_denied: false,
  data_unreachable: true,
  data_unusable: false,
  disk_full: true,
  environment_missing: false,
  environment_not_built: true,
  start_failed: true,
  time_limit: false,
  learner_lost: true,
  // The training is done and its results are on disk: they are stored again without another attempt.
  results_not_stored: false,
  service_bug: true,
};

const LONGEST_PAUSE_MS = 600_000;

/** The failure that the next attempt follows, and how long to wait before it. */
export interface Retry {
  readonly failure: RunFailure;
  readonly pauseMs: number;
}

/** Null where the outcome stands: it is no failure, none that passes, nobody asked for more attempts, or somebody for the end. */
export function decideRetry(run: Run, outcome: RunOutcome, firstPauseMs: number): Retry | null {
  if (outcome.state !== "failed" || !MAY_PASS[outcome.failure.cause]) return null;
  const retriesDone = run.pastAttempts.length;
  if (run.stopRequestedAt !== null || retriesDone >= run.spec.retries) return null;
  return { failure: outcome.failure, pauseMs: pauseAfter(run.id, retriesDone + 1, firstPauseMs) };
}

/** Runs that failed together do not return together, and one run waits as long whenever it is computed. */
function pauseAfter(id: string, failures: number, firstPauseMs: number): number {
  const policy = { attempts: Infinity, firstDelayMs: firstPauseMs, maxDelayMs: LONGEST_PAUSE_MS };
  const sum = Buffer.from(id).reduce((total, byte) => total + byte, 0);
  return Math.round(backoffDelayMs(policy, failures, () => (sum % 101) / 100));
}

/**
 * How long until the run's next attempt may start. Never more than the longest pause: a wall clock that was set back
 * by years must not keep the run from ever starting.
 */
export function pauseLeftMs(run: Run, now: Date): number {
  if (run.notBefore === null) return 0;
  return Math.min(LONGEST_PAUSE_MS, Math.max(0, run.notBefore.getTime() - now.getTime()));
}
