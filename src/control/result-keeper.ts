import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { mkdir, writeFile } from "../base/world-files.ts";
import { keepsRemains, type DataStore } from "../datastores/datastore.ts";
import type { DataStores } from "../datastores/data-stores.ts";
import { uploadTree } from "../datastores/upload-tree.ts";
import { definitionSize } from "../domain/definition-content.ts";
import type { Run, StoredResults } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Clock } from "../base/clock.ts";
import type { Definitions } from "./definitions.ts";
import { messageOf } from "./failures.ts";
import { removeTree } from "./remove-tree.ts";
import {
  CHECKPOINT_FOLDER,
  learnerDirectory,
  learnersOf,
  runDirectory,
  TRAINING_LOG,
  type RunDirectory,
} from "./run-directory.ts";
import type { ServiceLog } from "./service-log.ts";
import { useStore } from "./use-store.ts";

/** The last object of a run's folder: whoever sees it knows that all others are there and verified. */
const MARKER = ".log-copy-complete";

/** Where files of RESULT_DIR go whose names the service itself needs. */
const SIDE_FOLDER = "_result_dir";
const RESERVED_FOLDER = /^(?:learner-\d+|_submitted_code|_wml_checkpoints|_result_dir)$/;

const NAMED_WARNINGS = 20;

/** The engine's records in a learner's folder, which are not the user's. */
const ENGINE_RECORD = /^attempt-\d+\./;

export interface KeeperParts {
  readonly home: string;
  readonly clock: Clock;
  readonly dataStores: DataStores;
  readonly definitions: Definitions;
  readonly log: ServiceLog;
}

export interface KeptResults {
  readonly stored: StoredResults;
  readonly warnings: readonly string[];
}

/**
 * Puts logs and results of a run into its results bucket, in the layout of the service of 2017-18
 * (`docs/reference/results.md`). Every object is verified by the store before the next step; the marker comes last.
 * May be repeated from the beginning: what is already there with the same content is not sent again. `wasCutOff` says
 * that a server may have died at it, and left unfinished uploads in the bucket.
 */
export async function keepResults(
  parts: KeeperParts,
  run: Run,
  credentials: Credentials,
  wasCutOff: boolean,
  signal: AbortSignal,
): Promise<KeptResults> {
  const { connection, bucket } = run.spec.results;
  return useStore(parts.dataStores.open(connection, bucket, credentials.results, "results"), async (store) => {
    if (wasCutOff) await discardRemains(store, parts, run, signal);
    return keepIn(store, parts, run, signal);
  });
}

/** A store that does not let us look for them, or not now, keeps the remains; the results are stored all the same. */
async function discardRemains(store: DataStore, parts: KeeperParts, run: Run, signal: AbortSignal): Promise<void> {
  if (!keepsRemains(store)) return;
  try {
    await store.discardUnfinished(`${run.id}/`, signal);
  } catch (error) {
    signal.throwIfAborted();
    parts.log.warn({ runId: run.id, error: messageOf(error) }, "remains of an upload could not be removed");
  }
}

async function keepIn(store: DataStore, parts: KeeperParts, run: Run, signal: AbortSignal): Promise<KeptResults> {
  const directory = runDirectory(parts.home, run.id);
  const count = { objects: 0, sizeBytes: 0 };
  const skipped: string[] = [];
  let skippedCount = 0;
  const aside = new Set<string>();
  const upload = async (folder: string, prefix: string, keyOf: (path: string) => string | null): Promise<void> => {
    if (!existsSync(folder)) return;
    const report = await uploadTree(store, prefix, folder, { signal, keyOf });
    count.objects += report.objects;
    count.sizeBytes += report.sizeBytes;
    skippedCount += report.skippedCount;
    skipped.push(...report.skipped.map(({ path, reason }) => `'${path}' was not stored: ${reason}.`));
  };
  const learners = learnersOf(run);

  await upload(directory.results, `${run.id}/`, (path) => resultKey(path, aside));
  const own = run.spec.checkpoints === "run" ? `${run.id}/` : "";
  await upload(directory.checkpoints, `${own}${CHECKPOINT_FOLDER}/`, (path) => path);
  for (const learner of learners) {
    // A program that writes a marker of its own must not make anybody believe that all is there.
    const isOurs = (path: string): boolean => path === MARKER || ENGINE_RECORD.test(path);
    const folder = learnerDirectory(directory, learner);
    await upload(folder, `${run.id}/learner-${learner}/`, (path) => (isOurs(path) ? null : path));
  }
  const log = join(learnerDirectory(directory, 1), TRAINING_LOG);
  if (existsSync(log)) await putFile(store, `${run.id}/${TRAINING_LOG}`, log, count, signal);
  const definition = await parts.definitions.contentOf(run);
  await store.put(`${run.id}/_submitted_code/model.zip`, definition, signal);
  count.objects += 1;
  count.sizeBytes += definitionSize(definition);
  for (const learner of learners) {
    const bytes = Buffer.from("0");
    await store.put(`${run.id}/learner-${learner}/${MARKER}`, { kind: "bytes", bytes }, signal);
    count.objects += 1;
    count.sizeBytes += bytes.length;
  }
  const warnings = [...limited(skipped, skippedCount), ...limited([...aside].map(movedAside), aside.size)];
  return { stored: { ...count, storedAt: parts.clock.now() }, warnings };
}

/** Files of the program keep their names; only those that would hide the service's own objects step aside. */
function resultKey(path: string, aside: Set<string>): string {
  const [top = path] = path.split("/", 1);
  const isReserved = path === TRAINING_LOG || RESERVED_FOLDER.test(top);
  if (!isReserved) return path;
  aside.add(top);
  return `${SIDE_FOLDER}/${path}`;
}

function movedAside(name: string): string {
  return `'${name}' in RESULT_DIR has a name that the service uses itself; it was stored as '${SIDE_FOLDER}/${name}'.`;
}

/** The first of them, and how many more: a program can make millions, and all of them stand in every answer about the run. */
function limited(warnings: readonly string[], count: number): string[] {
  const named = warnings.slice(0, NAMED_WARNINGS);
  return count > named.length ? [...named, `The same holds for ${count - named.length} more.`] : named;
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

/**
 * Frees the disk of what a run needed only while it lived. Logs stay; results stay unless the bucket has them, and so does
 * the working folder with files that the program `leftBehind` there.
 */
export async function tidyUp(directory: RunDirectory, areResultsStored: boolean, leftBehind: boolean): Promise<void> {
  const folders = [directory.data, directory.temporary, directory.userHome];
  if (areResultsStored) folders.push(directory.results, directory.checkpoints, directory.state);
  if (areResultsStored && !leftBehind) folders.push(directory.code);
  for (const folder of folders) await removeTree(folder);
}
