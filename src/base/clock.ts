import { setTimeout as delay } from "node:timers/promises";

/** Where time comes from. Everything that reads the time or waits takes one, so that tests can own it. */
export interface Clock {
  /** Wall-clock time, for records. It may jump; never subtract two of these to get a duration. */
  now(): Date;
  /** Milliseconds since an arbitrary point; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  },
};
