import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { rm } from "../../base/world-files.ts";
import type { DataStores } from "../../datastores/data-stores.ts";
import { continuesPuts, type DataStore, type StoredObject } from "../../datastores/datastore.ts";
import { uploadTree, type LocalFile } from "../../datastores/upload-tree.ts";
import { amend, type Run } from "../../domain/run.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import { copyServed } from "../../logs/finish-log.ts";
import type { Companion } from "../run/companion.ts";
import { messageOf } from "../run/failures.ts";
import { resultFolders, type ResultFolder } from "./result-layout.ts";
import type { RunBook } from "../run/run-book.ts";
import { learnerDirectory, learnersOf, runDirectory, TRAINING_LOG, type RunDirectory } from "../run/run-directory.ts";
import type { SecretMasks } from "../logs/secret-masks.ts";
import type { ServiceLog } from "../run/service-log.ts";
import { listFolder } from "./list-folder.ts";
import { useStore } from "../run/use-store.ts";

/** Fewer than at the end: the program may need the disk and the network for itself. */
const CONCURRENCY = 4;

export interface SyncParts {
  readonly home: string;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly dataStores: DataStores;
  readonly masks: SecretMasks;
  openCredentials(runId: string): Promise<Credentials>;
}

/**
 * Copies what a program has produced so far into its results bucket, again and again while it runs. A file goes when
 * two looks in a row found it with the same size and time; so one that is being written is left for a later look, and
 * what is in the bucket is a file as it stood between two of them. Logs only grow, so each look copies them as far as they
 * are. The marker comes at the end alone, and nothing is ever deleted.
 */
export function resultsSync(parts: SyncParts, book: RunBook): Companion {
  return {
    name: "copies of results",
    async accompany(run, over) {
      const everyMs = run.spec.resultsSyncMs;
      if (everyMs === null) return;
      const looks = new Looks(parts, run);
      let hasWarned = false;
      for (;;) {
        await parts.clock.sleep(everyMs, over).catch(() => undefined);
        if (over.aborted) return;
        try {
          await looks.look(over);
        } catch (error) {
          if (over.aborted) return;
          parts.log.warn({ runId: run.id, error: messageOf(error) }, "results could not be copied while a run works");
          hasWarned ||= await warn(book, run, error).then(
            () => true,
            // The next look that fails tells it.
            () => false,
          );
        }
      }
    },
  };
}

/** Once, whatever a server before this one has said. The program is not at fault, and its results are stored at its end. */
async function warn(book: RunBook, { id }: Run, error: unknown): Promise<void> {
  const beginning = "Results could not be copied to the bucket while the program runs";
  const warning = `${beginning}; it is tried again, and all are stored at the end: ${messageOf(error)}`;
  await book.update(id, (run, now) => {
    const isKnown = run.warnings.some((each) => each.startsWith(beginning));
    if (isKnown) return { run: amend(run, now, {}), events: [] };
    return {
      run: amend(run, now, { warnings: [...run.warnings, warning] }),
      events: [{ type: "warning", message: warning }],
    };
  });
}

/** What one run's looks have found. */
class Looks {
  readonly #parts: SyncParts;
  readonly #run: Run;
  /** Of the look before, by key. */
  #seen = new Map<string, string>();
  /** What the bucket has, by key, as it was when it was sent. */
  readonly #sent = new Map<string, string>();
  /** The run's folder of the bucket; null until it was listed. */
  #listed: Map<string, StoredObject> | null = null;

  constructor(parts: SyncParts, run: Run) {
    this.#parts = parts;
    this.#run = run;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { home, dataStores } = this.#parts;
    const { id, spec } = this.#run;
    const { connection, bucket } = spec.results;
    const { results } = await this.#parts.openCredentials(id);
    await useStore(dataStores.open(connection, bucket, results, "results"), async (store) => {
      // The end of the program cuts off what is under way; storing goes on with it.
      if (continuesPuts(store)) store.continueUnfinished(`${id}/`);
      // Who may write but not look sends again what a server before this one has sent.
      this.#listed ??= (await listFolder(store, `${id}/`, signal)) ?? new Map();
      const directory = runDirectory(home, id);
      const now = new Map<string, string>();
      for (const folder of resultFolders(directory, this.#run, () => {})) {
        if (existsSync(folder.path)) await this.#lookAt(store, folder, now, signal);
      }
      this.#seen = now;
      for (const learner of learnersOf(this.#run)) {
        const log = join(learnerDirectory(directory, learner), TRAINING_LOG);
        await this.#copyLog(store, log, `${id}/learner-${learner}/${TRAINING_LOG}`, signal);
      }
    });
  }

  async #lookAt(store: DataStore, folder: ResultFolder, now: Map<string, string>, signal: AbortSignal): Promise<void> {
    const isWanted = (file: LocalFile): boolean => {
      if (folder.holdsLogs && file.path === TRAINING_LOG) return false;
      const facts = factsOf(file);
      now.set(file.key, facts);
      return this.#seen.get(file.key) === facts && this.#sent.get(file.key) !== facts;
    };
    const onObject = (object: StoredObject, file: LocalFile): void => {
      this.#sent.set(file.key, factsOf(file));
      this.#listed?.set(object.key, object);
    };
    const isOwn = folder.prefix.startsWith(`${this.#run.id}/`);
    const known = isOwn && this.#listed !== null ? { listed: this.#listed } : {};
    const { keyOf } = folder;
    await uploadTree(store, folder.prefix, folder.path, {
      keyOf,
      isWanted,
      onObject,
      concurrency: CONCURRENCY,
      signal,
      ...known,
    });
  }

  /** Of a copy beside it, because the log may grow while it is sent. */
  async #copyLog(store: DataStore, log: string, key: string, signal: AbortSignal): Promise<void> {
    const facts = await stat(log).catch(() => null); // None yet.
    if (facts === null || this.#sent.get(key) === String(facts.size)) return;
    const copy = logCopyIn(runDirectory(this.#parts.home, this.#run.id));
    try {
      const sizeBytes = await copyServed(log, copy, await this.#parts.masks.of(this.#run.id), false);
      const object = await store.put(
        key,
        { kind: "file", path: copy, sizeBytes },
        signal,
        this.#listed?.get(key) ?? null,
      );
      this.#sent.set(key, String(facts.size));
      this.#listed?.set(key, object);
    } finally {
      await rm(copy, { force: true });
    }
  }
}

/** Where a log's copy lies while it is sent; a server that dies leaves it there. */
export function logCopyIn(directory: RunDirectory): string {
  return join(directory.root, "log-copy");
}

function factsOf({ sizeBytes, modifiedMs }: LocalFile): string {
  return `${sizeBytes} ${modifiedMs}`;
}
