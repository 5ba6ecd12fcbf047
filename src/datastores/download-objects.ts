import { systemClock } from "../base/clock.ts";
import { forEachConcurrently } from "./concurrently.ts";
import { type DataStore, isFileBacked, type StoredObject } from "./datastore.ts";
import { type Fetched, type FetchLine, fetchObject } from "./fetch-object.ts";
import { codeOf, fileTrouble } from "./file-trouble.ts";
import { DEFAULT_RETRY_POLICY, Retrier, retrierOf } from "./retry.ts";
import type { TransferBudget } from "./transfer-budget.ts";

/** Larger objects come in ranges of this size, several at once. */
const PART_BYTES = 16 * 1024 * 1024;

/** Results that nobody has taken yet, at which nothing new is begun. */
const MOST_UNTAKEN = 256;

export interface Wanted {
  /** As it was listed. */
  readonly object: StoredObject;
  /** A file that must not exist, in a folder that does. */
  readonly path: string;
}

export interface DownloadOptions {
  readonly budget: TransferBudget;
  /** Told of bytes as they arrive, also of those that have to come again. */
  readonly onBytes?: (count: number) => void;
  /** Without it that of the store. */
  readonly retrier?: Retrier;
  readonly partBytes?: number;
  readonly signal: AbortSignal;
}

/** What became of one object: arrived, changed or gone since it was listed. Only an arrived one has left a file. */
export type Download<W extends Wanted = Wanted> = { readonly wanted: W } & Fetched;

/**
 * Brings objects into files, many at once, each a file only once it is whole and checked: its size always, its bytes
 * where the store's ETag is made from them. Never a mixture of two versions. Gives the outcomes in the order of their
 * ends and takes from `wanted` only as fast as outcomes are taken. What cannot be brought ends everything with a
 * `RemoteError` that names the object; files that were complete stay, halves never do, except where this process dies.
 * A consumer that stops early ends what is under way. The signal that `wanted` is given ends with the transfer.
 */
export async function* downloadObjects<W extends Wanted>(
  store: DataStore,
  wanted: (signal: AbortSignal) => AsyncIterable<W>,
  options: DownloadOptions,
): AsyncGenerator<Download<W>> {
  const { budget, onBytes = () => {}, partBytes = PART_BYTES, signal } = options;
  const share = budget.share(store.label);
  const retrier = options.retrier ?? retrierOf(store) ?? new Retrier(DEFAULT_RETRY_POLICY, systemClock);
  const line: FetchLine = { store, share, retrier, onBytes, partBytes };
  const leaving = new AbortController();
  const outcomes = new Outcomes<Download<W>>();
  const bring = async (each: W, aborted: AbortSignal): Promise<void> => {
    try {
      const fetched = await fetchOne(line, each, aborted);
      await outcomes.add({ wanted: each, ...fetched });
    } catch (error) {
      aborted.throwIfAborted();
      throw nearEndTrouble(error, each.object, store);
    }
  };
  const both = AbortSignal.any([signal, leaving.signal]);
  const all = forEachConcurrently(wanted, share.most, bring, both).then(
    () => outcomes.end(),
    (error: unknown) => outcomes.end({ error }),
  );
  try {
    for await (const outcome of outcomes) {
      yield outcome;
      signal.throwIfAborted();
    }
  } finally {
    leaving.abort(new Error("Nobody waits for the objects any more."));
    outcomes.leave();
    await all;
  }
}

async function fetchOne(line: FetchLine, { object, path }: Wanted, signal: AbortSignal): Promise<Fetched> {
  const { store, share, onBytes } = line;
  if (!isFileBacked(store)) return fetchObject(line, object, path, signal);
  const giveBack = await share.take(signal);
  try {
    const sizeBytes = await store.copyToFile(object.key, path, signal);
    onBytes(sizeBytes);
    return { kind: "arrived", sizeBytes, etag: object.etag };
  } finally {
    giveBack();
  }
}

/** A full disk here is worth its own reason; any other trouble of this machine's files is not the store's. */
function nearEndTrouble(error: unknown, object: StoredObject, store: DataStore): unknown {
  const isFull = ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(error));
  return isFull ? fileTrouble(error, `Object '${object.key}' of ${store.label} cannot be written here`) : error;
}

/** Outcomes on their way from those who make them to the one who takes them. */
class Outcomes<T> {
  #untaken: T[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #isLeft = false;
  #added = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  /** Resolves when there is room for more. */
  async add(outcome: T): Promise<void> {
    this.#untaken.push(outcome);
    this.#added.resolve();
    while (this.#untaken.length >= MOST_UNTAKEN && !this.#isLeft) await this.#taken.promise;
  }

  end(failure: { readonly error?: unknown } = {}): void {
    this.#ended = failure;
    this.#added.resolve();
  }

  /** Nobody takes any more. */
  leave(): void {
    this.#isLeft = true;
    this.#taken.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const batch = this.#untaken;
      this.#untaken = [];
      this.#taken.resolve();
      this.#taken = Promise.withResolvers();
      yield* batch;
      if (batch.length > 0) continue;
      if (this.#ended !== undefined) {
        if ("error" in this.#ended) throw this.#ended.error;
        return;
      }
      await this.#added.promise;
      this.#added = Promise.withResolvers();
    }
  }
}
