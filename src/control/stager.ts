import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { mkdir, symlink, writeFile } from "../base/world-files.ts";
import { readBootId } from "../base/boot-id.ts";
import { formatBytes } from "../base/byte-size.ts";
import type { Clock } from "../base/clock.ts";
import type { ArchiveLimits } from "../archive/archive-limits.ts";
import type { DataStores } from "../datastores/data-stores.ts";
import { downloadBucket } from "../datastores/download-bucket.ts";
import { RemoteError } from "../datastores/remote-error.ts";
import type { Run } from "../domain/run.ts";
import type { BucketReference, Credentials } from "../domain/training-spec.ts";
import type { Definitions } from "./definitions.ts";
import { layOut } from "./lay-out.ts";
import { stageCode } from "./stage-code.ts";
import {
  CHECKPOINT_FOLDER,
  learnerDirectory,
  LOAD_DATA_LOG,
  runDirectory,
  stagedMarker,
  type RunDirectory,
} from "./run-directory.ts";
import { messageOf } from "./failures.ts";
import { removeTree } from "./remove-tree.ts";
import { openStagingLog } from "./staging-log.ts";
import { useStore } from "./use-store.ts";

/** Beyond this many names at the top of the bucket, data files are not linked into the working folder. */
const MAX_LINKS = 1000;

const NAMED_SKIPS = 100;

/** What a run id of this service, or of the one it succeeds, looks like as a folder in a bucket. */
const RUN_FOLDER = /^training-[A-Za-z0-9_-]{9}\//;

export interface StagerParts {
  readonly home: string;
  readonly clock: Clock;
  readonly dataStores: DataStores;
  readonly definitions: Definitions;
  readonly archiveLimits: Partial<ArchiveLimits>;
}

/**
 * Brings a run's code and data into its run directory. May be repeated: until the marker is written, everything is
 * laid out anew; from then on nothing is touched, because the program may already be at work in it. The marker
 * counts until the machine restarts: the files are not synced, so a loss of power may leave their names alone, and
 * then no program of the run lives either.
 */
export async function stage(
  parts: StagerParts,
  run: Run,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<void> {
  const directory = runDirectory(parts.home, run.id);
  const marker = stagedMarker(directory, run.attempt);
  const bootId = await readBootId();
  if ((await readFile(marker, "utf8").catch(() => null)) === bootId) return;
  await layOut(directory, run);
  await stageCode(parts, run, directory, signal);
  await stageData(parts, run, credentials, directory, signal);
  await linkData(directory);
  if (run.spec.checkpoints === "bucket") await stageCheckpoints(parts, run, credentials, directory, signal);
  await writeFile(marker, bootId);
}

async function stageData(
  parts: StagerParts,
  run: Run,
  credentials: Credentials,
  directory: RunDirectory,
  signal: AbortSignal,
): Promise<void> {
  const log = openStagingLog(join(learnerDirectory(directory, 1), LOAD_DATA_LOG), parts.clock);
  const reference = run.spec.data;
  if (reference === null) return log.write("The manifest names no training data");
  const startedMs = parts.clock.monotonicMs();
  const { connection, bucket } = reference;
  const leftOut = isSameBucket(reference, run.spec.results) ? (key: string) => RUN_FOLDER.test(key) : () => false;
  try {
    await useStore(parts.dataStores.open(connection, bucket, credentials.data, "data"), async (store) => {
      await log.write(`Loading all objects of ${store.label}`);
      const report = await downloadBucket(store, directory.data, { exclude: leftOut, signal });
      const named = report.skipped.slice(0, NAMED_SKIPS);
      for (const { key, reason } of named) await log.write(`Left out '${key}': ${reason}`);
      if (report.skippedCount > named.length) {
        await log.write(`Left out ${report.skippedCount - named.length} more objects for such reasons`);
      }
      if (report.excluded > 0) {
        await log.write(
          `Left out ${report.excluded} objects of earlier runs (training-*/), whose results go to this bucket`,
        );
      }
      if (report.objects === 0) throw emptyBucket(store.label);
      const seconds = ((parts.clock.monotonicMs() - startedMs) / 1000).toFixed(1);
      await log.write(`Loaded ${report.objects} objects, ${formatBytes(report.sizeBytes)}, in ${seconds} s`);
    });
  } catch (error) {
    await log.write(`Failed: ${messageOf(error)}`);
    throw error;
  }
}

/** Brings the shared checkpoints of the results bucket. A later attempt goes on from what the one before it left here. */
async function stageCheckpoints(
  parts: StagerParts,
  run: Run,
  credentials: Credentials,
  directory: RunDirectory,
  signal: AbortSignal,
): Promise<void> {
  if (run.attempt > 1) return;
  const log = openStagingLog(join(learnerDirectory(directory, 1), LOAD_DATA_LOG), parts.clock);
  const { connection, bucket } = run.spec.results;
  await removeTree(directory.checkpoints);
  await useStore(parts.dataStores.open(connection, bucket, credentials.results, "results"), async (store) => {
    const prefix = `${CHECKPOINT_FOLDER}/`;
    const report = await downloadBucket(store, directory.checkpoints, { prefix, signal }).catch((error: unknown) => {
      // An embedded bucket is made by the first run that stores into it.
      if (error instanceof RemoteError && error.reason === "bucket_missing") return { objects: 0, sizeBytes: 0 };
      throw error;
    });
    await mkdir(directory.checkpoints, { recursive: true });
    await log.write(`Loaded ${report.objects} shared checkpoints, ${formatBytes(report.sizeBytes)}, of ${store.label}`);
  });
}

function emptyBucket(label: string): RemoteError {
  return new RemoteError("bucket_missing", `There is no training data in ${label}: it holds no objects.`, {
    retryable: false,
  });
}

function isSameBucket(a: BucketReference, b: BucketReference): boolean {
  return a.bucket === b.bucket && JSON.stringify(a.connection) === JSON.stringify(b.connection);
}

/**
 * Commands of 2017 also name data files without a folder, so each top-level name of the data that no model file
 * has is linked into the working folder.
 */
async function linkData(directory: RunDirectory): Promise<void> {
  const names = await readdir(directory.data);
  if (names.length > MAX_LINKS) return;
  const taken = new Set(await readdir(directory.code));
  const toData = relative(directory.code, directory.data);
  for (const name of names) {
    if (!taken.has(name)) await symlink(join(toData, name), join(directory.code, name));
  }
}
