import { backoffDelayMs, type BackoffPolicy } from "../base/backoff.ts";
import { isPassing } from "./client-error.ts";

/** About half a minute in all: long enough for a server to be restarted, short enough to be believed. */
const PATIENT: BackoffPolicy = { attempts: 10, firstDelayMs: 200, maxDelayMs: 6_000 };

export interface Persistence {
  readonly signal?: AbortSignal | undefined;
  readonly policy?: BackoffPolicy;
  /** Told before each pause, for the person who waits. */
  readonly onRetry?: ((trouble: Trouble) => void) | undefined;
  /** Says which errors are worth another try; passing ones by default. */
  readonly isWorthIt?: (error: unknown) => boolean;
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

export interface Trouble {
  readonly error: Error;
  /** Tries made so far. */
  readonly attempt: number;
  readonly delayMs: number;
}

/** Repeats an action that may be repeated, as long as its failures pass by themselves and the policy allows. */
export async function persist<T>(action: () => Promise<T>, how: Persistence = {}): Promise<T> {
  const { policy = PATIENT, isWorthIt = isPassing, sleep = pause } = how;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (attempt >= policy.attempts || !(error instanceof Error) || !isWorthIt(error)) throw error;
      const delayMs = backoffDelayMs(policy, attempt);
      how.onRetry?.({ error, attempt, delayMs });
      await sleep(delayMs, how.signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
