import type { Readable } from "node:stream";
import { backoffDelayMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import {
  continuesPuts,
  keepsRemains,
  type Content,
  type ContinuesPuts,
  type DataStore,
  type KeepsRemains,
  type StoredObject,
} from "./datastore.ts";
import { type RangeOutcome, type RangeReads, type RangeRequest, type RangeSink, readRangeOf } from "./range-reads.ts";
import { RemoteError } from "./remote-error.ts";

/** About 25 s of patience when every try fails at once; a store that asks for more time gets it. */
export const DEFAULT_RETRY_POLICY: BackoffPolicy = { attempts: 8, firstDelayMs: 200, maxDelayMs: 20_000 };

/** What a store may ask for with Retry-After. One that asks for more is asked again after this time. */
const MAX_RETRY_AFTER_MS = 60_000;

/** A failed try that will be followed by another one. */
export interface FailedTry {
  /** What was tried: `read 'train/a.png'`. */
  readonly what: string;
  /** From 1; of a piece of work that moves on, only the tries since it last did are counted. */
  readonly attempt: number;
  readonly waitMs: number;
  readonly error: RemoteError;
}

/** Errors that some `Retrier` has given up on, so that one around it does not begin anew. */
const givenUp = new WeakSet<RemoteError>();

/** The one place that decides whether, when and how often a remote call is repeated. */
export class Retrier {
  readonly #policy: BackoffPolicy;
  readonly #clock: Clock;
  readonly #onRetry: (fact: FailedTry) => void;

  constructor(policy: BackoffPolicy, clock: Clock, onRetry: (fact: FailedTry) => void = () => {}) {
    this.#policy = policy;
    this.#clock = clock;
    this.#onRetry = onRetry;
  }

  async run<T>(what: string, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        await this.waitOrThrow(what, attempt, error, signal);
      }
    }
  }

  /** Waits until the next try is due, or throws: the signal's reason, or the error when no further try is worth it. */
  async waitOrThrow(what: string, attempt: number, error: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!(error instanceof RemoteError) || !error.retryable || givenUp.has(error)) throw error;
    if (attempt >= this.#policy.attempts) {
      givenUp.add(error);
      throw error;
    }
    const asked = Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    const waitMs = Math.max(backoffDelayMs(this.#policy, attempt), asked);
    this.#onRetry({ what, attempt, waitMs, error });
    try {
      await this.#clock.sleep(waitMs, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw cause;
    }
  }
}

/**
 * The same store, patient. A listing goes on after the last key that was handed out, and its count of tries begins
 * anew with every object. A read is repeated until its stream is there; what breaks afterwards is the reader's to take
 * up at its offset, because only the reader knows what arrived.
 */
export function withRetry(store: DataStore, retrier: Retrier): DataStore {
  return new PatientStore(store, retrier);
}

/** The patience that a store was given with `withRetry`, for readers that take up by themselves what broke. */
export function retrierOf(store: DataStore): Retrier | undefined {
  return store instanceof PatientStore ? store.retrier : undefined;
}

class PatientStore implements DataStore, KeepsRemains, ContinuesPuts, RangeReads {
  readonly label: string;
  readonly retrier: Retrier;
  readonly #store: DataStore;

  constructor(store: DataStore, retrier: Retrier) {
    this.label = store.label;
    this.#store = store;
    this.retrier = retrier;
  }

  async *list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    let last = after;
    for (let attempt = 1; ; attempt += 1) {
      try {
        for await (const object of this.#store.list(prefix, signal, last)) {
          last = object.key;
          attempt = 1;
          yield object;
        }
        return;
      } catch (error) {
        await this.retrier.waitOrThrow(`list '${prefix}'`, attempt, error, signal);
      }
    }
  }

  async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    return this.retrier.run(`read '${key}'`, async () => this.#store.read(key, offset, signal), signal);
  }

  async readRange(request: RangeRequest, sink: RangeSink, signal: AbortSignal): Promise<RangeOutcome> {
    return readRangeOf(this.#store, request, sink, signal);
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.retrier.run(`look up '${key}'`, async () => this.#store.head(key, signal), signal);
  }

  async put(key: string, content: Content, signal: AbortSignal, known?: StoredObject | null): Promise<StoredObject> {
    let now = known;
    const attempt = async (): Promise<StoredObject> => {
      const at = now;
      // A try whose answer was lost may have done its work: the next one has to look.
      now = undefined;
      return this.#store.put(key, content, signal, at);
    };
    return this.retrier.run(`put '${key}'`, attempt, signal);
  }

  continueUnfinished(prefix: string): void {
    if (continuesPuts(this.#store)) this.#store.continueUnfinished(prefix);
  }

  async discardUnfinished(prefix: string, signal: AbortSignal): Promise<void> {
    const store = this.#store;
    if (!keepsRemains(store)) return;
    await this.retrier.run(`discard '${prefix}'`, async () => store.discardUnfinished(prefix, signal), signal);
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}
