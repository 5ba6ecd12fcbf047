import { ArchiveFile } from "./archive-file.ts";
import type { ArchiveOptions } from "./archive-limits.ts";
import type { ArchivePlan } from "./archive-plan.ts";
import { planArchive } from "./archive-plan.ts";

export interface ArchivedFile {
  /** Below the working folder, parts joined by `/`. */
  readonly path: string;
  readonly sizeBytes: number;
  /**
   * By the mode in the ZIP. Where the ZIP has none, a file that starts with `#!` becomes executable when it is
   * unpacked; before that it counts as not executable here.
   */
  readonly isExecutable: boolean;
}

export interface ArchiveInspection {
  readonly files: readonly ArchivedFile[];
  readonly totalBytes: number;
  /** The folder around everything that was left out, or null. */
  readonly topFolder: string | null;
  /** What macOS adds and nobody's program reads, ready to be shown. */
  readonly ignored: readonly string[];
}

/**
 * What a model definition holds, or a `ServiceError` (`archive_unreadable`, `archive_unsafe`, `archive_too_large`)
 * that names the entry. `archive` is its path, or its bytes. Reads only the ZIP's lists: that every file's content is intact shows when it is unpacked.
 */
export async function inspectArchive(
  archive: string | Uint8Array,
  options: ArchiveOptions = {},
): Promise<ArchiveInspection> {
  await using file = await ArchiveFile.open(archive);
  return inspectionOf(await planArchive(file, options));
}

/** `executables` are the paths whose content settled that they are executable. */
export function inspectionOf(plan: ArchivePlan, executables: ReadonlySet<string> = new Set()): ArchiveInspection {
  return {
    files: plan.files.map((file) => ({
      path: file.path,
      sizeBytes: file.entry.sizeBytes,
      isExecutable: file.isExecutable ?? executables.has(file.path),
    })),
    totalBytes: plan.totalBytes,
    topFolder: plan.topFolder,
    ignored: plan.ignored,
  };
}
