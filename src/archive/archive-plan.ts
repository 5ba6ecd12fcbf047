import type { ArchiveFile } from "./archive-file.ts";
import type { ArchiveOptions } from "./archive-limits.ts";
import { DEFAULT_ARCHIVE_LIMITS } from "./archive-limits.ts";
import { checkName, isMacLitter, showName, splitName } from "./entry-name.ts";
import { entryKind } from "./entry-kind.ts";
import { NameTree } from "./name-tree.ts";
import type { ArchiveEntry } from "./read-entries.ts";
import { readEntries } from "./read-entries.ts";
import { checkArchiveSize, checkSizes } from "./size-rules.ts";
import { commandNamesFolder } from "./top-folder.ts";
import { archiveUnreadable } from "../domain/archive-errors.ts";

export interface PlannedFile {
  /** Where it goes, below the target, parts joined by `/`. */
  readonly path: string;
  readonly entry: ArchiveEntry;
  /** Undefined where only the content can tell. */
  readonly isExecutable: boolean | undefined;
}

/** What unpacking a ZIP will make, decided before anything is made. */
export interface ArchivePlan {
  /** Each after the one it is in. */
  readonly folders: readonly string[];
  /** By path. */
  readonly files: readonly PlannedFile[];
  readonly totalBytes: number;
  readonly topFolder: string | null;
  readonly ignored: readonly string[];
}

export async function planArchive(file: ArchiveFile, options: ArchiveOptions): Promise<ArchivePlan> {
  const limits = { ...DEFAULT_ARCHIVE_LIMITS, ...options };
  checkArchiveSize(file.sizeBytes, limits);
  const entries = await readEntries(file, limits);
  const separator = chooseSeparator(entries);
  const tree = new NameTree(limits.entries);
  const files: PlannedFile[] = [];
  const ignored: string[] = [];
  for (const entry of entries) {
    const segments = splitName(entry.name, separator);
    if (isMacLitter(segments)) {
      ignored.push(showName(entry.name));
      continue;
    }
    checkName(entry.name, segments, separator);
    const kind = entryKind({ ...entry, endsInSeparator: entry.name.endsWith(separator) });
    if (kind.kind === "folder") {
      tree.addFolder(segments);
    } else {
      tree.addFile(segments);
      files.push({ path: segments.join("/"), entry, isExecutable: kind.isExecutable });
    }
  }
  if (files.length === 0) {
    throw archiveUnreadable("there are no files in it", "Pack the program: cd FOLDER && zip -r ../model.zip .");
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const totalBytes = checkSizes(
    files.map((planned) => planned.entry),
    limits,
  );
  return { ...strip(tree, files, options.command), totalBytes, ignored };
}

/**
 * Programs of .NET before 4.6.1 wrote `\` between folders. It counts as a separator only where no name of the ZIP
 * has a `/`; elsewhere a name with a backslash is refused, because half the programs would take it for a folder.
 */
function chooseSeparator(entries: readonly ArchiveEntry[]): "/" | "\\" {
  return entries.some(({ name }) => name.includes("/")) ? "/" : "\\";
}

function strip(
  tree: NameTree,
  files: readonly PlannedFile[],
  command: string | undefined,
): Pick<ArchivePlan, "folders" | "files" | "topFolder"> {
  const top = tree.onlyTopFolder();
  const folders = tree.folders();
  if (top === undefined || (command !== undefined && commandNamesFolder(command, top))) {
    return { folders, files, topFolder: null };
  }
  const below = (path: string): string => path.slice(top.length + 1);
  return {
    folders: folders.filter((path) => path !== top).map(below),
    files: files.map((file) => ({ ...file, path: below(file.path) })),
    topFolder: top,
  };
}
