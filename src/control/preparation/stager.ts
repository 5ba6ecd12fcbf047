import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { mkdir, symlink, writeFileSync } from "../../base/world-files.ts";
import { readBootId } from "../../base/boot-id.ts";
import { formatBytes } from "../../base/byte-size.ts";
import type { ArchiveLimits } from "../../archive/archive-limits.ts";
import { downloadBucket } from "../../datastores/download-bucket.ts";
import { RemoteError } from "../../datastores/remote-error.ts";
import type { Run } from "../../domain/run.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import type { Definitions } from "../removal/definitions.ts";
import { layOut } from "./lay-out.ts";
import { type DataParts, placeOf, readStaged, releaseData, stageData } from "./stage-data.ts";
import { stageCode } from "./stage-code.ts";
import {
  CHECKPOINT_FOLDER,
  learnerDirectory,
  LOAD_DATA_LOG,
  runDirectory,
  stagedMarker,
  type RunDirectory,
} from "../run/run-directory.ts";
import { removeTree } from "../run/remove-tree.ts";
import { openStagingLog } from "./staging-log.ts";
import { useStore } from "../run/use-store.ts";

/** Beyond this many names at the top of the bucket, data files are not linked into the working folder. */
const MAX_LINKS = 1000;

export interface StagerParts extends DataParts {
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
  if (readMarker(marker) === bootId) return showAgain(parts, run, directory);
  if (run.spec.data !== null) await releaseData(parts, run.id);
  await layOut(directory, run);
  await stageCode(parts, run, directory, signal);
  await stageData(parts, run, credentials, directory, signal);
  if (run.spec.data !== null) await linkData(directory);
  if (run.spec.checkpoints === "bucket") await stageCheckpoints(parts, run, credentials, directory, signal);
  writeFileSync(marker, bootId);
}

function readMarker(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // Not staged yet, or not readable: laid out anew.
  }
}

/** A server that was started in another mount namespace does not see the mounts of the one before. */
async function showAgain(parts: StagerParts, run: Run, directory: RunDirectory): Promise<void> {
  const record = await readStaged(parts.home, run);
  if (record !== null) await parts.staging.ensureShown(record.tree, placeOf(directory));
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
