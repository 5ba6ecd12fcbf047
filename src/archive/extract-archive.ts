import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { chmodSync, mkdirSync } from "../base/world-files.ts";
import { archiveUnsafe } from "../domain/archive-errors.ts";
import { diskFull } from "../domain/errors.ts";
import { ArchiveFile } from "./archive-file.ts";
import type { ArchiveOptions } from "./archive-limits.ts";
import type { ArchivePlan } from "./archive-plan.ts";
import { planArchive } from "./archive-plan.ts";
import type { ArchiveInspection } from "./inspect-archive.ts";
import { inspectionOf } from "./inspect-archive.ts";
import { Pace } from "./pace.ts";
import { isSmall, unpackLarge, unpackSmall } from "./unpack-file.ts";

const FOLDER_MODE = 0o755;

/**
 * Unpacks a model definition, by its path or from its bytes, into `targetDirectory`, an empty folder that nobody else writes to, and returns what
 * is there now. Only plain files (0644, 0755) and folders (0755) are made.
 *
 * When it fails or is aborted, the folder holds a part of the files; `resetDirectory` makes it ready for another try.
 */
export async function extractArchive(
  source: string | Uint8Array,
  targetDirectory: string,
  options: ArchiveOptions = {},
  signal?: AbortSignal,
): Promise<ArchiveInspection> {
  signal?.throwIfAborted();
  await using archive = await ArchiveFile.open(source);
  const plan = await planArchive(archive, options);
  await refuseUsedTarget(targetDirectory);
  try {
    await makeFolders(plan, targetDirectory, signal);
    return inspectionOf(plan, await unpackFiles(archive, plan, targetDirectory, signal));
  } catch (error) {
    // What an abort breaks off fails in ways of its own; the reason for the abort is what counts.
    signal?.throwIfAborted();
    throw writeFault(error);
  }
}

async function refuseUsedTarget(targetDirectory: string): Promise<void> {
  const status = await lstat(targetDirectory);
  if (!status.isDirectory() || (await readdir(targetDirectory)).length > 0) {
    throw new Error(`'${targetDirectory}' must be an empty folder to unpack into`);
  }
}

async function makeFolders(plan: ArchivePlan, targetDirectory: string, signal: AbortSignal | undefined): Promise<void> {
  const pace = new Pace();
  for (const folder of plan.folders) {
    signal?.throwIfAborted();
    const path = join(targetDirectory, folder);
    mkdirSync(path);
    // mkdir's own mode would be cut by the umask of whoever started the server.
    chmodSync(path, FOLDER_MODE);
    await pace.step();
  }
}

/** Returns the paths of the executable files. */
async function unpackFiles(
  archive: ArchiveFile,
  plan: ArchivePlan,
  targetDirectory: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const executables = new Set<string>();
  const pace = new Pace();
  // In the order of the data, so that neighbours come with one read.
  const files = plan.files.toSorted((a, b) => a.entry.dataStart - b.entry.dataStart);
  for (const file of files) {
    signal?.throwIfAborted();
    const target = join(targetDirectory, file.path);
    const isExecutable = isSmall(file)
      ? await unpackSmall(archive, file, target)
      : await unpackLarge(archive, file, target, signal);
    if (isExecutable) executables.add(file.path);
    await pace.step(file.entry.sizeBytes);
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
