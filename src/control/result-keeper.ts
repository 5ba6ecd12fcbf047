import { existsSync } from "node:fs";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DataStore } from "../datastores/datastore.ts";
import type { DataStores } from "../datastores/data-stores.ts";
import { uploadTree } from "../datastores/transfer.ts";
import type { Run, StoredResults } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Clock } from "../base/clock.ts";
import type { Definitions } from "./definitions.ts";
import { removeTree } from "./remove-tree.ts";
import {
  CHECKPOINT_FOLDER,
  learnerDirectory,
  learnersOf,
  runDirectory,
  TRAINING_LOG,
  type RunDirectory,
} from "./run-directory.ts";
import { useStore } from "./use-store.ts";

/** The last object of a run's folder: whoever sees it knows that all others are there and verified. */
const MARKER = ".log-copy-complete";

/** Where files of RESULT_DIR go whose names the service itself needs. */
const SIDE_FOLDER = "_result_dir";

/** The engine's records in a learner's folder, which are not the user's. */
const ENGINE_RECORD = /^attempt-\d+\./;

export interface KeeperParts {
  readonly home: string;
  readonly clock: Clock;
  readonly dataStores: DataStores;
  readonly definitions: Definitions;
}

export interface KeptResults {
  readonly stored: StoredResults;
  readonly warnings: readonly string[];
}

/**
 * Puts logs and results of a run into its results bucket, in the layout of the service of 2017-18
 * (`docs/reference/results.md`). Every object is verified by the store before the next step; the marker comes last.
 * May be repeated from the beginning: what is already there with the same content is not sent again.
 */
export async function keepResults(
  parts: KeeperParts,
  run: Run,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<KeptResults> {
  const { connection, bucket } = run.spec.results;
  return useStore(parts.dataStores.open(connection, bucket, credentials.results, "results"), async (store) =>
    keepIn(store, parts, run, signal),
  );
}

async function keepIn(store: DataStore, parts: KeeperParts, run: Run, signal: AbortSignal): Promise<KeptResults> {
  const directory = runDirectory(parts.home, run.id);
  const count = { objects: 0, sizeBytes: 0 };
  const warnings: string[] = [];
  const upload = async (folder: string, prefix: string, keyOf: (path: string) => string | null): Promise<void> => {
    if (!existsSync(folder)) return;
    const report = await uploadTree(store, prefix, folder, { signal, keyOf });
    count.objects += report.objects;
    count.sizeBytes += report.sizeBytes;
    for (const { path, reason } of report.skipped) warnings.push(`'${path}' was not stored: ${reason}.`);
  };
  const learners = learnersOf(run);

  await upload(directory.results, `${run.id}/`, (path) => resultKey(path, warnings));
  const own = run.spec.checkpoints === "run" ? `${run.id}/` : "";
  await upload(directory.checkpoints, `${own}${CHECKPOINT_FOLDER}/`, (path) => path);
  for (const learner of learners) {
    const isRecord = (path: string): boolean => ENGINE_RECORD.test(path);
    const folder = learnerDirectory(directory, learner);
    await upload(folder, `${run.id}/learner-${learner}/`, (path) => (isRecord(path) ? null : path));
  }
  const log = join(learnerDirectory(directory, 1), TRAINING_LOG);
  if (existsSync(log)) await putFile(store, `${run.id}/${TRAINING_LOG}`, log, count, signal);
  const definition = parts.definitions.path(run.definitionSha256);
  await putFile(store, `${run.id}/_submitted_code/model.zip`, definition, count, signal);
  for (const learner of learners) {
    const bytes = Buffer.from("0");
    await store.put(`${run.id}/learner-${learner}/${MARKER}`, { kind: "bytes", bytes }, signal);
    count.objects += 1;
    count.sizeBytes += bytes.length;
  }
  return { stored: { ...count, storedAt: parts.clock.now() }, warnings };
}

/** Files of the program keep their names; only those that would hide the service's own objects step aside. */
function resultKey(path: string, warnings: string[]): string {
  const isReserved = path === TRAINING_LOG || /^(?:learner-\d+|_submitted_code|_wml_checkpoints)(?:\/|$)/.test(path);
  if (!isReserved) return path;
  warnings.push(
    `'${path}' in RESULT_DIR has a name that the service uses itself; it was stored as '${SIDE_FOLDER}/${path}'.`,
  );
  return `${SIDE_FOLDER}/${path}`;
}

async function putFile(
  store: DataStore,
  key: string,
  path: string,
  count: { objects: number; sizeBytes: number },
  signal: AbortSignal,
): Promise<void> {
  const { size } = await stat(path);
  await store.put(key, { kind: "file", path, sizeBytes: size }, signal);
  count.objects += 1;
  count.sizeBytes += size;
}

/** A run that never started its program still gets a training log, which says why. */
export async function explainMissingLog(directory: RunDirectory, message: string): Promise<void> {
  const folder = learnerDirectory(directory, 1);
  const log = join(folder, TRAINING_LOG);
  if (existsSync(log)) return;
  await mkdir(folder, { recursive: true });
  await writeFile(log, `The program was not started. ${message}\n`);
}

/** Frees the disk of what a run needed only while it lived. Logs stay; results stay unless the bucket has them. */
export async function tidyUp(directory: RunDirectory, areResultsStored: boolean): Promise<void> {
  const folders = [directory.data, directory.temporary, directory.userHome];
  if (areResultsStored) folders.push(directory.code, directory.results, directory.checkpoints, directory.state);
  for (const folder of folders) await removeTree(folder);
}

/** The files a run would store, read from its run directory: for runs whose bucket has nothing yet. */
export async function listLocalResults(directory: RunDirectory): Promise<{ key: string; sizeBytes: number }[]> {
  if (!existsSync(directory.results)) return [];
  const found: { key: string; sizeBytes: number }[] = [];
  for (const entry of await readdir(directory.results, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.push({ key: path.slice(directory.results.length + 1), sizeBytes: (await stat(path)).size });
    if (found.length === 10_000) break;
  }
  return found.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
