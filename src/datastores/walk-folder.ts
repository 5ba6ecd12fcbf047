import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Something found in a folder. Paths are relative to the folder where the walk began, parts joined by `/`. */
export type Found =
  | { readonly kind: "file" | "link" | "special"; readonly path: string }
  /** A name that is not UTF-8 and so cannot be a key; `path` shows its bytes escaped. */
  | { readonly kind: "unnamable"; readonly path: string }
  | { readonly kind: "unreadable"; readonly path: string; readonly error: NodeJS.ErrnoException };

interface Level {
  readonly folder: string;
  readonly entries: readonly Dirent<Buffer>[];
  next: number;
}

const SLASH = Buffer.from("/");

/**
 * Everything below `root`, files in the byte order of their paths, as an object store lists keys. Links are reported
 * and never followed. Held in memory are the names of the folders on the way, not the tree; depth costs no stack.
 * `enter` is asked before a folder is opened (its path ends in `/`). The first folder's own error is thrown.
 */
export async function* walkFolder(
  root: string,
  start: string,
  enter: (folder: string) => boolean,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  const levels: Level[] = [await openLevel(root, start)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    signal.throwIfAborted();
    const entry = level.entries[level.next];
    level.next += 1;
    if (entry === undefined) {
      levels.pop();
      continue;
    }
    const found = classify(level.folder, entry);
    if (found !== "folder") {
      yield found;
      continue;
    }
    const folder = `${level.folder}${entry.name.toString()}/`;
    if (!enter(folder)) continue;
    try {
      levels.push(await openLevel(root, folder));
    } catch (error) {
      yield { kind: "unreadable", path: folder, error: error as NodeJS.ErrnoException };
    }
  }
}

async function openLevel(root: string, folder: string): Promise<Level> {
  const entries = await readdir(join(root, folder), { withFileTypes: true, encoding: "buffer" });
  // A folder's contents sort as if its name ended in "/": `a-b` < `a/x` < `a0`.
  const keyed = entries.map((entry) => ({
    entry,
    bytes: entry.isDirectory() ? Buffer.concat([entry.name, SLASH]) : entry.name,
  }));
  keyed.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  return { folder, entries: keyed.map(({ entry }) => entry), next: 0 };
}

function classify(folder: string, entry: Dirent<Buffer>): Found | "folder" {
  if (!isUtf8(entry.name)) {
    return { kind: "unnamable", path: folder + JSON.stringify(entry.name.toString("latin1")).slice(1, -1) };
  }
  const path = folder + entry.name.toString();
  if (entry.isDirectory()) return "folder";
  if (entry.isFile()) return { kind: "file", path };
  return { kind: entry.isSymbolicLink() ? "link" : "special", path };
}
