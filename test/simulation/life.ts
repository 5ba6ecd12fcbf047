import type { Clock } from "../../src/base/clock.ts";
import type { VirtualTime } from "./virtual-time.ts";

/**
 * One life of the server's process, and the fence around it: when it is over, nothing that was begun in it goes on.
 * Every promise that the world gives to the server is made here, so the code of a dead server waits for ever.
 */
export class Life {
  readonly #time: VirtualTime;
  readonly #wallMs: () => number;
  readonly startedMs: number;
  readonly startedWallMs: number;
  #isAlive = true;
  readonly #onEnd = new Set<() => void>();

  constructor(time: VirtualTime, wallMs: () => number) {
    this.#time = time;
    this.#wallMs = wallMs;
    this.startedMs = time.nowMs;
    this.startedWallMs = wallMs();
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  end(): void {
    this.#isAlive = false;
    for (const tell of this.#onEnd) tell();
    this.#onEnd.clear();
  }

  after(ms: number, action: () => void): () => void {
    const timer = this.#time.after(ms, () => {
      if (this.#isAlive) action();
    });
    return () => this.#time.cancel(timer);
  }

  /**
   * A call from the server to the world: `effect` happens after `effectMs`, and its answer arrives after `answerMs`
   * more. A server that dies between the two has changed the world and never learns of it.
   */
  async call<T>(effectMs: number, answerMs: number, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.after(effectMs, () => {
        try {
          const value = effect();
          if (answerMs === 0) return resolve(value);
          // A refusal on its way has nobody yet who listens.
          if (value instanceof Promise) value.catch(() => undefined);
          this.after(answerMs, () => resolve(value));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Never settles once the life is over. */
  async hold<T>(value: Promise<T>): Promise<T> {
    return this.#isAlive ? value : new Promise(() => {});
  }

  /** Waits like a user at the other end of a connection: rejects when the server dies. */
  async request<T>(ask: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#isAlive) return reject(new ConnectionLost());
      const onEnd = (): void => reject(new ConnectionLost());
      this.#onEnd.add(onEnd);
      ask()
        .then(resolve, reject)
        .finally(() => this.#onEnd.delete(onEnd));
    });
  }

  clock(): Clock {
    return {
      now: () => new Date(this.#wallMs()),
      monotonicMs: () => this.#time.nowMs - this.startedMs,
      sleep: async (ms, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted === true) return reject(signal.reason as Error);
          const onAbort = (): void => {
            cancel();
            reject(signal?.reason as Error);
          };
          const cancel = this.after(ms, () => {
            signal?.removeEventListener("abort", onAbort);
            resolve();
          });
          signal?.addEventListener("abort", onAbort, { once: true });
        }),
    };
  }
}

class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";

  constructor() {
    super("The server went away.");
  }
}
