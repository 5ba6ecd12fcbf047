import { setTimeout as delay } from "node:timers/promises";
import { CompiledQuery } from "kysely";
import type { Kysely, Transaction } from "kysely";
import { CommitPace } from "./commit-pace.ts";
import type { Tables } from "./tables.ts";

/** So that one commit never keeps the readers waiting for long. */
const WRITES_PER_COMMIT = 256;

/** Compiled once: they come with every write. */
const SAVEPOINT = CompiledQuery.raw("savepoint one_write");
const RELEASE = CompiledQuery.raw("release one_write");
const ROLLBACK = CompiledQuery.raw("rollback to one_write");

interface Write {
  readonly work: (transaction: Transaction<Tables>) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Gathers the writes that arrive during one turn of the event loop, and in a crowd during a few milliseconds, into one
 * transaction, so that they share one sync of the disk:
 *
 *   begin;  savepoint, write 1, release;  savepoint, write 2, release;  …;  commit (the sync);  then tell all
 *
 * A write that throws is undone alone. When the transaction as a whole fails, every write in it is told so, and
 * none of them has happened.
 */
export class GroupCommit {
  readonly #db: Kysely<Tables>;
  readonly #pace = new CommitPace();
  #waiting: Write[] = [];
  /** Set while somebody drains the queue; resolves when it is empty. */
  #draining: Promise<void> | null = null;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Resolves once what `work` did is synced. `work` may be followed by others before the sync, never interleaved. */
  write<T>(work: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ work, resolve: resolve as Write["resolve"], reject });
    this.#draining ??= this.#drain();
    return promise;
  }

  /** Resolves when every write accepted so far is decided. */
  async settled(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      const pauseMs = this.#pace.pauseMs(performance.now());
      if (pauseMs >= 1) await delay(pauseMs);
      const startedMs = performance.now();
      await this.#commit(this.#waiting.splice(0, WRITES_PER_COMMIT));
      this.#pace.note(startedMs, performance.now());
    }
    this.#draining = null;
  }

  async #commit(writes: readonly Write[]): Promise<void> {
    try {
      const announcements = await this.#db.transaction().execute(async (transaction) => {
        const only = writes.length === 1 ? writes[0] : undefined;
        if (only !== undefined) {
          const value = await only.work(transaction);
          return [() => only.resolve(value)];
        }
        const done: (() => void)[] = [];
        for (const write of writes) done.push(await attempt(transaction, write));
        return done;
      });
      for (const announce of announcements) announce();
    } catch (error) {
      for (const write of writes) write.reject(error);
    }
  }
}

/** Does one write of several. Gives how to announce it after the commit; throws when the whole transaction is lost. */
async function attempt(transaction: Transaction<Tables>, write: Write): Promise<() => void> {
  await transaction.executeQuery(SAVEPOINT);
  try {
    const value = await write.work(transaction);
    await transaction.executeQuery(RELEASE);
    return () => write.resolve(value);
  } catch (error) {
    await undo(transaction, error);
    return () => write.reject(error);
  }
}

async function undo(transaction: Transaction<Tables>, reason: unknown): Promise<void> {
  try {
    await transaction.executeQuery(ROLLBACK);
    await transaction.executeQuery(RELEASE);
  } catch {
    // SQLite rolls the whole transaction back by itself after some errors (a full disk); the first error says why.
    throw reason;
  }
}
