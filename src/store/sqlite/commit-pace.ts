/** So many commits within so many ms are a crowd. A run that is alone makes fewer on the way to its start. */
const CROWD = { commits: 4, withinMs: 50 };
/** What a write waits for others at most. */
const LONGEST_PAUSE_MS = 8;

/**
 * How long to gather writes before the next commit. A commit keeps everything else waiting until the disk is synced, so in a
 * crowd commits get half of the time: after one that took 3 ms, 3 ms go to what else there is to do, and the writes which that
 * leads to share the next. Where few write, nobody waits.
 */
export class CommitPace {
  /** When the last few ended, the latest last. */
  #ends: readonly number[] = [];
  #lastTookMs = 0;

  note(startedMs: number, endedMs: number): void {
    this.#ends = [...this.#ends, endedMs].slice(-CROWD.commits);
    this.#lastTookMs = endedMs - startedMs;
  }

  pauseMs(nowMs: number): number {
    const [first] = this.#ends;
    const last = this.#ends.at(-1);
    if (first === undefined || last === undefined || this.#ends.length < CROWD.commits) return 0;
    if (nowMs - first > CROWD.withinMs) return 0;
    return Math.max(0, Math.min(this.#lastTookMs, LONGEST_PAUSE_MS) - (nowMs - last));
  }
}
