import { openServedLog, type LogPlace } from "./served-log.ts";
import { IndexBuilder } from "./index/index-builder.ts";
import { IndexDamaged } from "./index/index-file.ts";
import type { IndexedLog } from "./indexed-log.ts";

/** A log, and where its index is: the beginning of the names of its files. */
export interface IndexPlace extends LogPlace {
  readonly base: string;
}

interface Kept {
  builder: IndexBuilder | null;
  /** What is done with this index goes one after the other. */
  last: Promise<unknown>;
  users: number;
}

/** What has no byte has no index either: a run that waits has no folder to put one into. */
const EMPTY: IndexedLog["index"] = {
  count: 0,
  first: async () => 0,
  record: async () => Promise.reject(new IndexDamaged("There is no index.")),
  entry: async () => Promise.reject(new IndexDamaged("There is no index.")),
};

/** The indexes of all logs: each is brought up to date before it is read, and made where there is none. May be used by all at once. */
export class LogIndexes {
  readonly #kept = new Map<string, Kept>();

  /** Keeps an index open, and what is needed to go on with it at once, until disposed. */
  keep(base: string): Disposable {
    const kept = this.#of(base);
    kept.users += 1;
    return { [Symbol.dispose]: () => this.#leave(base, kept) };
  }

  /** `seenAt` and `isFresh` as in `IndexBuilder.advance`. What `use` gets is good for as long as it has not resolved. */
  async use<T>(
    place: IndexPlace,
    seenAt: Date | null,
    isFresh: boolean,
    use: (indexed: IndexedLog) => Promise<T>,
  ): Promise<T> {
    const kept = this.#of(place.base);
    kept.users += 1;
    const work = kept.last.then(async () => {
      try {
        return await bringUpAndUse(kept, place, seenAt, isFresh, use);
      } catch (error) {
        await close(kept);
        if (!(error instanceof IndexDamaged)) throw error;
        // Opening it found what is damaged at its end; this was in its middle.
        await IndexBuilder.remove(place.base);
        return await bringUpAndUse(kept, place, seenAt, isFresh, use);
      }
    });
    kept.last = work.catch(() => undefined);
    try {
      return await work;
    } finally {
      this.#leave(place.base, kept);
    }
  }

  #of(base: string): Kept {
    const kept = this.#kept.get(base) ?? { builder: null, last: Promise.resolve(), users: 0 };
    this.#kept.set(base, kept);
    return kept;
  }

  #leave(base: string, kept: Kept): void {
    kept.users -= 1;
    if (kept.users > 0) return;
    // Who comes while it closes waits for that.
    kept.last = kept.last.then(async () => {
      if (kept.users > 0) return;
      await close(kept);
      if (kept.users === 0) this.#kept.delete(base);
    });
  }
}

async function bringUpAndUse<T>(
  kept: Kept,
  place: IndexPlace,
  seenAt: Date | null,
  isFresh: boolean,
  use: (indexed: IndexedLog) => Promise<T>,
): Promise<T> {
  await using log = await openServedLog(place);
  if (log.writtenBytes === 0 && kept.builder === null) return await use({ log, index: EMPTY });
  kept.builder ??= await IndexBuilder.open(place.base, log);
  await kept.builder.advance(log, seenAt, { isComplete: place.isComplete, isFresh });
  return await use({ log, index: kept.builder.file });
}

async function close(kept: Kept): Promise<void> {
  const { builder } = kept;
  kept.builder = null;
  await builder?.[Symbol.asyncDispose]();
}
