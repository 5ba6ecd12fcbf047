import type { KeptResults } from "../run/remains.ts";
import { existsSync } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { mkdir, writeFile } from "../../base/world-files.ts";
import { continuesPuts, keepsRemains, type Content, type DataStore } from "../../datastores/datastore.ts";
import { UnreadableFile } from "../../datastores/content.ts";
import type { DataStores } from "../../datastores/data-stores.ts";
import { forEachConcurrently } from "../../datastores/concurrently.ts";
import { uploadTree } from "../../datastores/upload-tree.ts";
import type { Run } from "../../domain/run.ts";
import { isRunId } from "../../domain/run-id.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import type { Clock } from "../../base/clock.ts";
import type { Definitions } from "../removal/definitions.ts";
import { messageOf } from "../run/failures.ts";
import { stateFolders } from "../preparation/lay-out.ts";
import { removeEmpty, removeTree } from "../run/remove-tree.ts";
import { unreadHere } from "./unstored-results.ts";
import { MARKER, resultFolders, SIDE_FOLDER } from "./result-layout.ts";
import { learnerDirectory, learnersOf, runDirectory, TRAINING_LOG, type RunDirectory } from "../run/run-directory.ts";
import type { ServiceLog } from "../run/service-log.ts";
import { listFolder } from "./list-folder.ts";
import { useStore } from "../run/use-store.ts";

const NAMED_WARNINGS = 20;

export interface KeeperParts {
  readonly home: string;
  readonly clock: Clock;
  readonly dataStores: DataStores;
  readonly definitions: Definitions;
  readonly log: ServiceLog;
}

/**
 * Puts logs and results of a run into its results bucket, in the layout of the service of 2017-18
 * (`docs/reference/results.md`). Every object is verified by the store before the next step; the marker comes last.
 * May be repeated from the beginning: what is already there with the same content is not sent again, and a large upload
 * that was cut off is gone on with. `wasCutOff` says that there may be such, and what is left of them is removed.
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
    const isContinued = continuesPuts(store);
    if (isContinued) store.continueUnfinished(`${run.id}/`);
    else if (wasCutOff) await discardRemains(store, parts, run, signal);
    const kept = await keepContent(store, parts, run, signal);
    // Whatever could be gone on with has been by now.
    if (isContinued && wasCutOff) await discardRemains(store, parts, run, signal);
    const markers = await putMarkers(store, run, signal);
    const { objects, sizeBytes, ...rest } = kept;
    const stored = {
      objects: objects + markers.objects,
      sizeBytes: sizeBytes + markers.sizeBytes,
      storedAt: parts.clock.now(),
    };
    return { ...rest, stored };
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

interface Count {
  objects: number;
  sizeBytes: number;
}

async function keepContent(
  store: DataStore,
  parts: KeeperParts,
  run: Run,
  signal: AbortSignal,
): Promise<Count & Omit<KeptResults, "stored">> {
  const directory = runDirectory(parts.home, run.id);
  const listed = await listFolder(store, `${run.id}/`, signal);
  const count = { objects: 0, sizeBytes: 0 };
  const skipped: string[] = [];
  let skippedCount = 0;
  let unreadFiles = 0;
  const aside = new Set<string>();
  for (const { path, prefix, keyOf } of resultFolders(directory, run, (name) => aside.add(name))) {
    if (!existsSync(path)) continue;
    const known = listed !== null && prefix.startsWith(`${run.id}/`) ? { listed } : {};
    const report = await uploadTree(store, prefix, path, { signal, keyOf, ...known });
    count.objects += report.objects;
    count.sizeBytes += report.sizeBytes;
    skippedCount += report.skippedCount;
    unreadFiles += report.unreadCount;
    skipped.push(...report.skipped.map(({ path: name, reason }) => `'${name}' was not stored: ${reason}.`));
  }
  const putOne = async (key: string, content: Content, aborted: AbortSignal): Promise<void> => {
    const known = listed === null ? undefined : (listed.get(key) ?? null);
    const { sizeBytes } = await store.put(key, content, aborted, known);
    count.objects += 1;
    count.sizeBytes += sizeBytes;
  };
  const log = join(learnerDirectory(directory, 1), TRAINING_LOG);
  // A run that never came so far has none; and what a program put in its place, a pipe or a link, is not opened.
  const facts = await lstat(log).catch(() => null);
  const single = new Map<string, Content>();
  single.set(`${run.id}/_submitted_code/model.zip`, await parts.definitions.contentOf(run));
  if (facts?.isFile() === true)
    single.set(`${run.id}/${TRAINING_LOG}`, { kind: "file", path: log, sizeBytes: facts.size });
  const each = async function* () {
    yield* single;
  };
  await forEachConcurrently(
    each,
    single.size,
    async ([key, content], aborted) =>
      putOne(key, content, aborted).catch((error: unknown) => {
        if (!(error instanceof UnreadableFile)) throw error;
        unreadFiles += 1;
        skippedCount += 1;
        skipped.push(`'${key.slice(run.id.length + 1)}' was not stored: ${error.fact}.`);
      }),
    signal,
  );
  const warnings = [...limited(skipped, skippedCount), ...limited([...aside].map(movedAside), aside.size)];
  if (unreadFiles > 0) warnings.push(unreadHere(directory.root));
  return { ...count, warnings, unreadFiles };
}

async function putMarkers(store: DataStore, run: Run, signal: AbortSignal): Promise<Count> {
  const bytes = Buffer.from("0");
  const learners = learnersOf(run);
  for (const learner of learners) {
    await store.put(`${run.id}/learner-${learner}/${MARKER}`, { kind: "bytes", bytes }, signal);
  }
  return { objects: learners.length, sizeBytes: learners.length * bytes.length };
}

function movedAside(name: string): string {
  return `'${name}' in RESULT_DIR has a name that the service uses itself; it was stored as '${SIDE_FOLDER}/${name}'.`;
}

/** The first of them, and how many more: a program can make millions, and all of them stand in every answer about the run. */
function limited(warnings: readonly string[], count: number): string[] {
  const named = warnings.slice(0, NAMED_WARNINGS);
  return count > named.length ? [...named, `The same holds for ${count - named.length} more.`] : named;
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
  const folders = [directory.data, directory.temporary];
  if (areResultsStored) folders.push(directory.results, directory.checkpoints, directory.state);
  if (areResultsStored && !leftBehind) folders.push(directory.code);
  // Every run has one, so as the last to go it tells that the others have gone.
  folders.push(directory.userHome);
  if (areResultsStored) for (const folder of stateFolders(directory).toReversed()) await removeEmpty(folder);
  for (const folder of folders) if (!(await removeEmpty(folder))) await removeTree(folder);
}

/** Ids of the runs whose folders are not tidied up to the end: those that live, and those whose server died over it. */
export async function* listUntidied(home: string): AsyncGenerator<string> {
  for await (const { name } of await opendir(join(home, "runs"))) {
    if (isRunId(name) && existsSync(runDirectory(home, name).userHome)) yield name;
  }
}
