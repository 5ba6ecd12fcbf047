import type { Clock } from "../base/clock.ts";

export interface TransferLimits {
  /** Requests for objects under way at once in the whole server (`transfer.requests`). */
  readonly requests: number;
  /** Of these at most so many to one store (`transfer.requests_per_store`). */
  readonly requestsPerStore: number;
  /** What all transfers together may receive or send in a second; null is no limit (`transfer.bytes_per_second`). */
  readonly bytesPerSecond: number | null;
}

export const DEFAULT_TRANSFER_LIMITS: TransferLimits = { requests: 64, requestsPerStore: 32, bytesPerSecond: null };

/** Debts below this are not waited for, so that a limit does not cost a timer for every piece. */
const WORTH_WAITING_MS = 20;

/** Gives back what was taken; may be called again, to no effect. */
export type GiveBack = () => void;

/**
 * What one transfer may use of the server's budget: one for each run that brings or keeps its files. All methods may be
 * called at once.
 */
export interface TransferShare {
  /** How many requests it makes sense to want at once. */
  readonly most: number;
  /** The right to one request under way. Rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<GiveBack>;
  /** Counts bytes that moved; a promise when the line is to rest first. */
  spend(bytes: number, signal: AbortSignal): Promise<void> | undefined;
}

interface Waiter {
  readonly store: string;
  grant(): void;
}

/**
 * Limits what all transfers of a server do together, and is fair where they want more than there is: those who wait are
 * served in turn, one request each, so that a run with a hundred thousand objects does not keep one with ten waiting.
 */
export class TransferBudget {
  readonly #limits: TransferLimits;
  readonly #clock: Clock;
  #used = 0;
  readonly #usedByStore = new Map<string, number>();
  /** The queue of each share that waits, in the order of their turns: a share that was served goes to the end. */
  readonly #waiting = new Map<object, Waiter[]>();
  /** Until when the bytes that were moved use up the line, in the clock's monotonic time. */
  #paidUntilMs = 0;

  constructor(limits: TransferLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A share of one transfer with the store of that name; shares with one name keep the limit of that store together. */
  share(store: string): TransferShare {
    const turn = {};
    return {
      most: Math.min(this.#limits.requests, this.#limits.requestsPerStore),
      take: async (signal) => this.#take(turn, store, signal),
      spend: (bytes, signal) => this.#spend(bytes, signal),
    };
  }

  async #take(turn: object, store: string, signal: AbortSignal): Promise<GiveBack> {
    signal.throwIfAborted();
    if (this.#waiting.size === 0 && this.#isFree(store)) return this.#grant(store);
    const { promise, resolve, reject } = Promise.withResolvers<GiveBack>();
    const waiter: Waiter = {
      store,
      grant: () => {
        signal.removeEventListener("abort", leave);
        resolve(this.#grant(store));
      },
    };
    const leave = (): void => {
      this.#remove(turn, waiter);
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    const queue = this.#waiting.get(turn);
    if (queue === undefined) this.#waiting.set(turn, [waiter]);
    else queue.push(waiter);
    this.#serve();
    return promise;
  }

  #isFree(store: string): boolean {
    const { requests, requestsPerStore } = this.#limits;
    return this.#used < requests && (this.#usedByStore.get(store) ?? 0) < requestsPerStore;
  }

  #grant(store: string): GiveBack {
    this.#count(store, 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#count(store, -1);
      this.#serve();
    };
  }

  #count(store: string, change: 1 | -1): void {
    this.#used += change;
    const used = (this.#usedByStore.get(store) ?? 0) + change;
    if (used === 0) this.#usedByStore.delete(store);
    else this.#usedByStore.set(store, used);
  }

  /** Serves whoever can be served, one of each queue in turn. Those whose store is busy keep their place. */
  #serve(): void {
    for (let isServed = true; isServed && this.#used < this.#limits.requests;) {
      isServed = false;
      for (const [turn, queue] of this.#waiting) {
        const [first] = queue;
        if (first === undefined || !this.#isFree(first.store)) continue;
        queue.shift();
        this.#waiting.delete(turn);
        if (queue.length > 0) this.#waiting.set(turn, queue);
        first.grant();
        isServed = true;
        break;
      }
    }
  }

  #remove(turn: object, waiter: Waiter): void {
    const queue = this.#waiting.get(turn);
    if (queue === undefined) return;
    queue.splice(queue.indexOf(waiter), 1);
    if (queue.length === 0) this.#waiting.delete(turn);
  }

  #spend(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    const { bytesPerSecond } = this.#limits;
    if (bytesPerSecond === null) return undefined;
    const nowMs = this.#clock.monotonicMs();
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + (1000 * bytes) / bytesPerSecond;
    const debtMs = this.#paidUntilMs - nowMs;
    return debtMs < WORTH_WAITING_MS ? undefined : this.#clock.sleep(debtMs, signal);
  }
}
