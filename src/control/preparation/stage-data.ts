import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { rename, writeFile } from "../../base/world-files.ts";
import { formatBytes } from "../../base/byte-size.ts";
import type { Clock } from "../../base/clock.ts";
import type { DataStores } from "../../datastores/data-stores.ts";
import { RemoteError } from "../../datastores/remote-error.ts";
import type { Run, StagedData } from "../../domain/run.ts";
import type { BucketReference, Credentials, DataSelection } from "../../domain/training-spec.ts";
import { identifyBucket } from "../../staging/cache-names.ts";
import type { DataStaging, StagedTree, WantedData } from "../../staging/data-staging.ts";
import { describeSelection } from "../../staging/data-selection.ts";
import type { ViewPlace } from "../../staging/data-view.ts";
import type { ProgressFigures } from "../../staging/staging-progress.ts";
import type { Delays } from "../run/delays.ts";
import { messageOf } from "../run/failures.ts";
import { removeTree } from "../run/remove-tree.ts";
import { learnerDirectory, LOAD_DATA_LOG, runDirectory, type RunDirectory } from "../run/run-directory.ts";
import { openStagingLog, type StagingLog } from "./staging-log.ts";
import { useStore } from "../run/use-store.ts";

/** How many objects are named that no file stands for, or that were replaced meanwhile. */
const NAMED = 100;
const NAMED_IN_WARNING = 3;

/** How often a staging that takes its time says how far it is. */
const TELL_EVERY_MS = 10_000;

/** What a run id of this service, or of the one it succeeds, looks like as a folder in a bucket. */
const RUN_FOLDER = /^training-[A-Za-z0-9_-]{9}\//;
const EARLIER_RUNS = { name: "earlier runs", matches: (key: string) => RUN_FOLDER.test(key) };

export interface DataParts {
  readonly home: string;
  readonly clock: Clock;
  readonly dataStores: DataStores;
  readonly staging: DataStaging;
  /** Told every ten seconds how far the data of a run is. Left out: nobody is. */
  /** Told while the bucket is tried again. Left out: nobody is. */
  readonly delays?: Delays;
  readonly onProgress?: (runId: string, message: string) => Promise<void>;
}

/** What is kept in the run directory of an attempt whose data is in place. */
interface StagedRecord {
  /** Of the cache, relative to the home. */
  readonly tree: string;
  readonly staged: StagedData;
  readonly warnings: readonly string[];
}

/** Brings the training data of a run into DATA_DIR, and leaves a record of it for this server and the next. */
export async function stageData(
  parts: DataParts,
  run: Run,
  credentials: Credentials,
  directory: RunDirectory,
  signal: AbortSignal,
): Promise<void> {
  const log = openStagingLog(join(learnerDirectory(directory, 1), LOAD_DATA_LOG), parts.clock);
  if (run.spec.data === null) return log.write("The manifest names no training data");
  const done = new AbortController();
  const telling = tellProgress(parts, run.id, log, done.signal);
  const onTrouble = (error: RemoteError): void => tellTrouble(parts, run.id, error);
  try {
    const staged = async (wanted: WantedData): Promise<void> => {
      await log.write(`Loading ${describeWanted(wanted)}`);
      const came = await parts.staging.stage(run.id, wanted, placeOf(directory), signal);
      await tellWhatCame(log, came);
      if (came.objects === 0) throw nothingThere(wanted);
      await writeRecord(directory, run.attempt, {
        tree: came.tree,
        staged: await describeStaged(parts.staging, came),
        warnings: warningsOf(came),
      });
    };
    await useData(parts, run, credentials, staged, onTrouble);
  } catch (error) {
    await log.write(`Failed: ${messageOf(error)}`);
    throw error;
  } finally {
    done.abort();
    await telling;
    parts.delays?.end(run.id);
  }
}

/** It holds until anything more has come. */
function tellTrouble({ delays, staging }: DataParts, runId: string, error: RemoteError): void {
  const before = movedSoFar(staging.progressOf(runId));
  const reason = `The data bucket is tried again: ${error.message}`;
  delays?.tell(runId, reason, () => movedSoFar(staging.progressOf(runId)) !== before);
}

function movedSoFar(figures: ProgressFigures | null): string {
  return figures === null ? "" : `${figures.sizeBytes} ${figures.objects} ${figures.wantedObjects} ${figures.isListed}`;
}

/** Opens the bucket of the run's data with the run's own credentials. */
export async function useData<T>(
  parts: Pick<DataParts, "dataStores">,
  run: Run,
  credentials: Credentials,
  use: (wanted: WantedData) => Promise<T>,
  onTrouble?: (error: RemoteError) => void,
): Promise<T> {
  const { data, results, selection } = run.spec;
  if (data === null) throw new Error(`Run '${run.id}' has no training data.`);
  const { connection, bucket } = data;
  const identity = identifyBucket(connection, bucket, credentials.data);
  const notData = isSameBucket(data, results) ? EARLIER_RUNS : null;
  return useStore(parts.dataStores.open(connection, bucket, credentials.data, "data", onTrouble), async (store) =>
    use({ store, identity, selection, notData }),
  );
}

/** What was staged for the attempt; null for one without data, and where nothing sound says so. */
export async function readStaged(home: string, run: Run): Promise<StagedRecord | null> {
  try {
    const text = await readFile(recordPath(runDirectory(home, run.id), run.attempt), "utf8");
    const record = JSON.parse(text) as Partial<StagedRecord> | null;
    const isSound = typeof record?.tree === "string" && record.staged !== undefined && Array.isArray(record.warnings);
    return isSound ? (record as StagedRecord) : null;
  } catch {
    // Absent without data. One that a loss of power cut off, or that the program spoiled, must not keep a server from
    // starting: it looks at those of all live runs.
    return null;
  }
}

/** Takes the data away from DATA_DIR and lets the cache go of it. May be repeated. */
export async function releaseData(parts: Pick<DataParts, "home" | "staging">, runId: string): Promise<void> {
  const place = placeOf(runDirectory(parts.home, runId));
  await parts.staging.release(runId, place);
  await removeTree(place.changes);
}

export function placeOf({ data, dataChanges }: RunDirectory): ViewPlace {
  return { data, changes: dataChanges };
}

async function writeRecord(directory: RunDirectory, attempt: number, record: StagedRecord): Promise<void> {
  const path = recordPath(directory, attempt);
  await writeFile(`${path}.draft`, JSON.stringify(record));
  await rename(`${path}.draft`, path);
}

function recordPath(directory: RunDirectory, attempt: number): string {
  return join(directory.root, `attempt-${attempt}.data.json`);
}

async function describeStaged(staging: DataStaging, came: StagedTree): Promise<StagedData> {
  const { objects, sizeBytes, cachedObjects, cachedBytes, durationMs } = came;
  const { refused } = await staging.view();
  const view = refused.length === 0 ? came.view : `${came.view} (${refused.join(" ")})`;
  return { objects, sizeBytes, cachedObjects, cachedBytes, durationMs, view };
}

function warningsOf({ changed }: StagedTree): string[] {
  const [first] = changed;
  if (first === undefined) return [];
  const named = changed.slice(0, NAMED_IN_WARNING).map((key) => `'${key}'`);
  const more = changed.length > named.length ? ` and ${changed.length - named.length} more` : "";
  const verb = changed.length === 1 ? "was" : "were";
  return [
    `${named.join(", ")}${more} of the training data ${verb} replaced while it was loaded; the new content is used.`,
  ];
}

async function tellWhatCame(log: StagingLog, came: StagedTree): Promise<void> {
  for (const { key, reason } of came.leftOut.slice(0, NAMED)) await log.write(`Left out '${key}': ${reason}`);
  if (came.leftOut.length > NAMED) {
    await log.write(`Left out ${came.leftOut.length - NAMED} more objects for such reasons`);
  }
  for (const key of came.changed.slice(0, NAMED))
    await log.write(`'${key}' was replaced meanwhile; this is the new one`);
  if (came.unselected > 0) await log.write(`Left out ${came.unselected} objects that the manifest does not ask for`);
  if (came.notData > 0) {
    await log.write(`Left out ${came.notData} objects of earlier runs (training-*/), whose results go to this bucket`);
  }
  if (came.objects === 0) return;
  const seconds = (came.durationMs / 1000).toFixed(1);
  const cached = `${came.cachedObjects} of them (${formatBytes(came.cachedBytes)}) from the cache`;
  await log.write(`Loaded ${came.objects} objects, ${formatBytes(came.sizeBytes)}, in ${seconds} s; ${cached}`);
  await log.write(`DATA_DIR is ${came.view}: what the program changes there, no other run sees`);
}

/** In the log of the data each time, and where the run's story is told. */
async function tellProgress(parts: DataParts, runId: string, log: StagingLog, done: AbortSignal): Promise<void> {
  for (;;) {
    await parts.clock.sleep(TELL_EVERY_MS, done).catch(() => undefined);
    if (done.aborted) return;
    const figures = parts.staging.progressOf(runId);
    if (figures === null) continue;
    const message = describeProgress(figures);
    await log.write(message);
    // Whoever reads the story misses a line; the data comes all the same.
    await parts.onProgress?.(runId, message).catch(() => undefined);
  }
}

function describeProgress(figures: ProgressFigures): string {
  const { objects, sizeBytes, wantedObjects, wantedBytes, isListed, bytesPerSecond, secondsLeft } = figures;
  const of = isListed ? "" : "at least ";
  const left = secondsLeft === null ? "" : `, ${secondsLeft} s left`;
  return (
    `Loading the data: ${objects} of ${of}${wantedObjects} objects, ${formatBytes(sizeBytes)} of ` +
    `${of}${formatBytes(wantedBytes)}, ${formatBytes(bytesPerSecond)}/s${left}.`
  );
}

function describeWanted({ store, selection }: WantedData): string {
  const what = describeSelection(selection);
  return what === "" ? `all objects of ${store.label}` : `the objects of ${store.label}${what}`;
}

const SELECTION_HINT =
  "Check prefix, include and exclude of the training data in the manifest: a pattern is about the whole key, so '*.png' is " +
  "what stands at the top and '**/*.png' what stands anywhere.";

function nothingThere({ store, selection }: { store: { label: string }; selection: DataSelection }): RemoteError {
  const message = `There is no training data in ${store.label}: it holds no objects${describeSelection(selection)}.`;
  const isPart = describeSelection(selection) !== "";
  return new RemoteError("bucket_missing", message, { retryable: false, hint: isPart ? SELECTION_HINT : null });
}

function isSameBucket(a: BucketReference, b: BucketReference): boolean {
  return a.bucket === b.bucket && JSON.stringify(a.connection) === JSON.stringify(b.connection);
}
