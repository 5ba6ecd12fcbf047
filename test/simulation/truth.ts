import type { Cause } from "../../src/domain/failure.ts";
import type { Run } from "../../src/domain/run.ts";
import type { Seen } from "./observer.ts";
import type { Program } from "./programs.ts";

/** A stop and an end so near to each other may count either way. */
const TICK_MS = 25;

/** Causes that another attempt may not meet again. */
const MAY_PASS: ReadonlySet<Cause> = new Set(["data_unreachable", "disk_full", "start_failed", "learner_lost"]);

/** Causes that come from how a program ended. */
const OF_PROGRAM: ReadonlySet<Cause> = new Set([
  "program_exit",
  "program_signal",
  "command_not_found",
  "command_not_executable",
]);

/** What the witness knows of the last attempt of a run. */
interface LastAttempt {
  readonly programs: readonly Program[];
  /** First failure first. */
  readonly failed: readonly Program[];
  /** All its learners ran. */
  readonly isWhole: boolean;
  /** The end that decides: the first failure, or the last success. */
  readonly decisiveMs: number;
  /** A stop that was acknowledged lies before that end. */
  readonly wasStopped: boolean;
}

/** What contradicts the outcome of a run that has ended; null when nothing does. */
export function wrongOutcome(run: Run, seen: Seen): string | null {
  const last = lastAttempt(run, seen);
  const { programs, failed, isWhole, decisiveMs, wasStopped } = last;
  const alive = programs.find(({ isGone }) => !isGone);
  if (alive !== undefined) return `${alive.key} is still alive`;
  switch (run.state) {
    case "completed":
      if (!isWhole) return `only ${programs.length} of its learners ran`;
      if (failed.length > 0) return `${failed[0]?.key} failed`;
      return wasStopped ? "it had been stopped before" : null;
    case "canceled": {
      if (seen.firstStopAskedMs === null) return "nobody asked to stop it";
      const isLate = isWhole && decisiveMs < seen.firstStopAskedMs - TICK_MS;
      // An engine that could not be asked whether it had ended leaves the wish to be followed.
      const isKnown = !seen.troubles.has("observe") && !seen.troubles.has("early_stop");
      return isLate && isKnown ? "it had ended before the stop" : null;
    }
    case "failed":
      return wrongFailure(run, seen, last);
    default:
      return "that is no end";
  }
}

function lastAttempt(run: Run, seen: Seen): LastAttempt {
  const programs = seen.programs.filter(({ attempt }) => attempt === run.attempt);
  const failed = programs.filter((program) => !isSuccess(program)).toSorted((a, b) => endOf(a) - endOf(b));
  const [first] = failed;
  const decisiveMs = first === undefined ? Math.max(...programs.map(endOf)) : endOf(first);
  const stoppedMs = seen.stopAcknowledgedMs ?? Infinity;
  const wasStopped = Number.isFinite(decisiveMs) && decisiveMs > stoppedMs + TICK_MS;
  return { programs, failed, isWhole: programs.length === run.spec.learners, decisiveMs, wasStopped };
}

function wrongFailure(run: Run, { troubles }: Seen, last: LastAttempt): string | null {
  const { failure } = run;
  const { failed, isWhole, programs } = last;
  if (failure === null) return "it does not say why";
  const { cause, exitCode } = failure;
  const isLeft = run.pastAttempts.length < run.spec.retries && run.stopRequestedAt === null;
  if (isLeft && MAY_PASS.has(cause)) return `${cause} may pass, and it was not tried again`;
  if (OF_PROGRAM.has(cause)) {
    if (last.wasStopped) return "it had been stopped before";
    const isSeen = failed.some(({ ending }) => ending?.status === "exited" && ending.exitCode === exitCode);
    return isSeen ? null : `no learner ended with ${exitCode}`;
  }
  switch (cause) {
    case "time_limit": {
      const ranMs = Math.max(...programs.map((program) => endOf(program) - program.startedMs));
      return ranMs >= (run.spec.timeLimitMs ?? Infinity) ? null : "it had not run so long";
    }
    case "learner_lost":
      return failed.some(({ ending }) => ending?.status === "lost") ? null : "no learner was lost";
    case "results_not_stored":
      if (failed.length > 0) return `${failed[0]?.key} failed`;
      return troubles.has("bucket") ? null : "its bucket took them";
    case "start_failed":
      return troubles.has("start") ? null : "nothing hindered its start";
    case "data_denied":
    case "data_unreachable":
    case "data_unusable":
    case "disk_full":
      if (isWhole) return "its program had started";
      return troubles.has("data") ? null : "its data was there";
    default:
      return `${cause} (${failure.message}) cannot be`;
  }
}

function isSuccess({ ending }: Program): boolean {
  return ending?.status === "exited" && ending.exitCode === 0;
}

function endOf({ endedMs }: Program): number {
  return endedMs ?? Infinity;
}
