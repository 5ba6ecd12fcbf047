import type { Clock } from "../../base/clock.ts";
import type { Run } from "../../domain/run.ts";
import { isTerminal } from "../../domain/run-state.ts";

/** A wall clock that is off by more than this was set; the machine's time service moves it by far less at once. */
const STEP_MS = 100;

/**
 * The times that stand in runs. While one process accompanies a run, these go on as the machine's monotonic time does: a
 * clock that is set by hours in the middle of a run makes neither its duration longer nor its end come before its start.
 * After a restart of the server the wall clock counts again, but never back.
 */
export class RunTimes {
  readonly #clock: Clock;
  /** When each live run was written last, by both clocks. */
  readonly #written = new Map<string, { readonly atMs: number; readonly monotonicMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time for the run's next change. */
  now(run: Run): Date {
    const wallMs = this.#clock.now().getTime();
    // The write of its end may have been done though its answer was lost.
    if (isTerminal(run.state)) this.#written.delete(run.id);
    const last = this.#written.get(run.id);
    if (last === undefined) return new Date(Math.max(wallMs, run.changedAt.getTime()));
    const steadyMs = last.atMs + (this.#clock.monotonicMs() - last.monotonicMs);
    const isSet = Math.abs(wallMs - steadyMs) > STEP_MS;
    return new Date(Math.max(isSet ? steadyMs : wallMs, run.changedAt.getTime()));
  }

  /** The next version with the start that it was given, read from the wall clock, as a time of the run. */
  withStart(run: Run, next: Run, now: Date): Run {
    const { startedAt } = next;
    if (startedAt === null || startedAt === run.startedAt) return next;
    const aheadMs = this.#clock.now().getTime() - now.getTime();
    const steady = Math.abs(aheadMs) > STEP_MS ? new Date(startedAt.getTime() - aheadMs) : startedAt;
    // Read before the clock was set, it lies anywhere.
    const isBetween = steady >= run.changedAt && steady <= now;
    return { ...next, startedAt: isBetween ? steady : now };
  }

  /**
   * The run at its end, dated no earlier than the wall clock `says`: a run that was begun before the clock was set forward
   * would look old enough to be forgotten as soon as the clock is believed. Its duration stays.
   */
  withEnd(next: Run, says: Date | null): Run {
    const { endedAt, startedAt } = next;
    if (says === null || endedAt === null || endedAt >= says) return next;
    const behindMs = says.getTime() - endedAt.getTime();
    const start = startedAt === null ? null : new Date(startedAt.getTime() + behindMs);
    return { ...next, startedAt: start, endedAt: says, changedAt: says };
  }

  /** The run stands in the database as it is here. */
  note(run: Run): void {
    if (isTerminal(run.state)) this.#written.delete(run.id);
    else this.#written.set(run.id, { atMs: run.changedAt.getTime(), monotonicMs: this.#clock.monotonicMs() });
  }
}
