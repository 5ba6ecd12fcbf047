import { chmod, lstat, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { archiveUnsafe, diskFull } from "../domain/errors.ts";
import { ArchiveFile } from "./archive-file.ts";
import type { ArchiveOptions } from "./archive-limits.ts";
import type { ArchivePlan } from "./archive-plan.ts";
import { planArchive } from "./archive-plan.ts";
import type { ArchiveInspection } from "./inspect-archive.ts";
import { inspectionOf } from "./inspect-archive.ts";
import { isSmall, unpackLarge, unpackSmall } from "./unpack-file.ts";

const FOLDER_MODE = 0o755;
/** After this much work without a pause others get their turn. */
const BYTES_PER_TURN = 1_048_576;
const FILES_PER_TURN = 32;

/**
 * Unpacks a model definition into `targetDirectory`, an empty folder that nobody else writes to, and returns what
 * is there now. Only plain files (0644, 0755) and folders (0755) are made.
 *
 * When it fails or is aborted, the folder holds a part of the files; `resetDirectory` makes it ready for another try.
 */
export async function extractArchive(
  path: string,
  targetDirectory: string,
  options: ArchiveOptions = {},
  signal?: AbortSignal,
): Promise<ArchiveInspection> {
  signal?.throwIfAborted();
  await using archive = await ArchiveFile.open(path);
  const plan = await planArchive(archive, options);
  await refuseUsedTarget(targetDirectory);
  try {
    for (const folder of plan.folders) await makeFolder(join(targetDirectory, folder));
    return inspectionOf(plan, await unpackFiles(archive, plan, targetDirectory, signal));
  } catch (error) {
    throw writeFault(error);
  }
}

async function refuseUsedTarget(targetDirectory: string): Promise<void> {
  const status = await lstat(targetDirectory);
  if (!status.isDirectory() || (await readdir(targetDirectory)).length > 0) {
    throw new Error(`'${targetDirectory}' must be an empty folder to unpack into`);
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path);
  // mkdir's own mode would be cut by the umask of whoever started the server.
  await chmod(path, FOLDER_MODE);
}

async function unpackFiles(
  archive: ArchiveFile,
  plan: ArchivePlan,
  targetDirectory: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const executables = new Set<string>();
  let bytes = 0;
  // In the order of the data, so that neighbours come with one read.
  const files = plan.files.toSorted((a, b) => a.entry.dataStart - b.entry.dataStart);
  for (const [index, file] of files.entries()) {
    signal?.throwIfAborted();
    const target = join(targetDirectory, file.path);
    const isExecutable = isSmall(file)
      ? await unpackSmall(archive, file, target)
      : await unpackLarge(archive, file, target, signal);
    if (isExecutable) executables.add(file.path);
    bytes += file.entry.sizeBytes;
    if (bytes > BYTES_PER_TURN || index % FILES_PER_TURN === 0) {
      bytes = 0;
      await nextTurn();
    }
  }
  return executables;
}

function writeFault(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull("the unpacked model definition", error);
  if (code === "ENAMETOOLONG") {
    return archiveUnsafe(
      "it holds a name that is too long for the server's disk",
      "Use shorter file and folder names.",
    );
  }
  return error;
}
