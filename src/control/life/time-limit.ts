import type { Clock } from "../../base/clock.ts";
import { formatDuration, printDuration } from "../../base/duration.ts";
import type { MachineTime } from "../../base/machine-time.ts";
import { amend, type LimitReached, type MomentOfBoot, type Run, type RunOutcome } from "../../domain/run.ts";
import type { Engine } from "../../engines/engine.ts";
import type { Companion } from "../run/companion.ts";
import { isDecided, type LearnerEnding } from "./endings.ts";
import { failed, type FailureContext } from "../run/failures.ts";
import { insist } from "../run/insist.ts";
import type { RunBook } from "../run/run-book.ts";
import type { ServiceLog } from "../run/service-log.ts";

/** Timers cannot be set for more than 24 days; and a server looks again now and then rather than trust one for months. */
const LONGEST_SLEEP_MS = 6 * 3_600_000;

export interface TimeLimitParts {
  readonly book: RunBook;
  readonly clock: Clock;
  readonly machineTime: MachineTime;
  readonly engine: Pick<Engine, "observe">;
  readonly log: ServiceLog;
  readonly stopGraceMs: number;
  /** Asks the run's program to end, and insists after the grace. May be repeated. */
  endProgram(runId: string, graceMs: number): void;
}

/** Now, on the machine's own clock. */
export async function momentOfBoot(time: MachineTime): Promise<MomentOfBoot> {
  return { bootId: await time.bootId(), uptimeMs: time.uptimeMs() };
}

/**
 * Ends programs that run for longer than they may. The time is measured by the machine's own clock, so that a wall
 * clock that jumps ends no run early and lets none live for ever; it goes on while no server is up. That the limit was
 * reached is written before the program is asked to end: a server that dies in between leaves the next one to ask, and
 * the run ends as what it was ended for.
 */
export function timeLimit(parts: TimeLimitParts): Companion {
  return {
    name: "time limit",
    accompany: async (run, over) => {
      const limitMs = run.spec.timeLimitMs;
      if (limitMs === null) return;
      if (run.limitReached === null) {
        const ranMs = await untilOver(parts, run, limitMs, over);
        const writeDown = async (): Promise<boolean> => noteLimit(parts, run, { limitMs, ranMs });
        if (!(await insist(parts, run.id, writeDown, over))) return;
      }
      parts.endProgram(run.id, parts.stopGraceMs);
    },
  };
}

/** Resolves with the time that the program has run, when that is the limit or more. Rejects when `over` is aborted. */
async function untilOver(parts: TimeLimitParts, run: Run, limitMs: number, over: AbortSignal): Promise<number> {
  const { clock, machineTime } = parts;
  const ranBeforeMs = ranSince(run.startedOnBoot, await momentOfBoot(machineTime));
  const beginMs = clock.monotonicMs();
  for (;;) {
    over.throwIfAborted();
    const ranMs = ranBeforeMs + clock.monotonicMs() - beginMs;
    if (ranMs >= limitMs) return ranMs;
    await clock.sleep(Math.min(limitMs - ranMs, LONGEST_SLEEP_MS), over);
  }
}

/**
 * After a restart of the machine no program of before it lives on this machine; where one should, elsewhere, its time
 * begins anew, which ends nothing early.
 */
function ranSince(start: MomentOfBoot | null, now: MomentOfBoot): number {
  return start === null || start.bootId !== now.bootId ? 0 : Math.max(0, now.uptimeMs - start.uptimeMs);
}

/** False where the program needs no end any more: it has one, or a failed learner or a wish to stop brings it. */
async function noteLimit(
  { book, engine }: TimeLimitParts,
  run: Run,
  reached: Omit<LimitReached, "at">,
): Promise<boolean> {
  const observations = await Promise.all(run.handles.map(async (handle) => engine.observe(handle)));
  if (isDecided(observations)) return false;
  const { limitMs, ranMs } = reached;
  const message =
    `The program has run for ${formatDuration(ranMs)} and its time limit is ${printDuration(limitMs)}: ` +
    `it is asked to end.`;
  const noted = await book.update(run.id, (latest, now) => {
    const isDue = latest.state === "running" && latest.attempt === run.attempt && latest.stopRequestedAt === null;
    return isDue && latest.limitReached === null
      ? {
          run: amend(latest, now, { limitReached: { ...reached, at: now } }),
          events: [{ type: "time_limit", message }],
        }
      : { run: amend(latest, now, {}), events: [] };
  });
  return noted.limitReached !== null;
}

/**
 * The outcome of a run whose program was asked to end for its time limit, however it then ended: one that saves its
 * state and ends with 0 has not done what it was started for.
 */
export function outcomeOfTimeLimit(
  { limitMs, ranMs }: LimitReached,
  endings: readonly LearnerEnding[],
  context: FailureContext,
): RunOutcome {
  const exited = endings.map(({ ending }) => ending).filter((ending) => ending.status === "exited");
  const decisive = exited.find(({ exitCode }) => exitCode !== 0) ?? exited[0];
  return failed(
    context,
    "time_limit",
    `The program had run for ${formatDuration(ranMs)} when it was stopped: its time limit is ${printDuration(limitMs)}.`,
    "Raise 'time_limit' in the manifest, or let the program go on from what it saved in CHECKPOINT_DIR.",
    decisive?.exitCode ?? null,
    decisive?.signal ?? null,
  );
}
