import { access, constants, lstat, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { forEachConcurrently } from "./concurrently.ts";
import { UnreadableFile } from "./content.ts";
import type { DataStore, StoredObject } from "./datastore.ts";
import { codeOf } from "./file-trouble.ts";
import { compareKeys } from "./key-path.ts";
import { Skips } from "./skips.ts";
import { type Found, walkFolder } from "./walk-folder.ts";

/** Objects under way at once, unless told otherwise: enough to hide the store's latency, few enough for old gateways. */
const CONCURRENCY = 16;

/** An S3 key's greatest length in UTF-8. */
const MAX_KEY_BYTES = 1024;

/** A file as it was found, before anything of it was read. */
export interface LocalFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface UploadOptions {
  /** The key under the prefix for a file's relative path; null leaves the file alone. Default: the path itself. */
  readonly keyOf?: (path: string) => string | null;
  readonly onObject?: (object: StoredObject, file: LocalFile) => void;
  /** Asked of each file before it is read; false leaves it alone. */
  readonly isWanted?: (file: LocalFile) => boolean;
  /**
   * What a listing of all keys below the prefix has told, by key: it spares a look at each object. Nobody else may put
   * there meanwhile.
   */
  readonly listed?: ReadonlyMap<string, StoredObject>;
  readonly concurrency?: number;
  readonly signal: AbortSignal;
}

export interface Uploaded {
  readonly objects: number;
  readonly sizeBytes: number;
  readonly skippedCount: number;
  /** How many of the skipped are files that are there and could not be read. */
  readonly unreadCount: number;
  /** The first of the skipped, by relative path; `reason` continues the sentence "the file ...". */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Puts every file below `directory` under `prefix` plus its relative path, begun in the byte order of the paths. A
 * symbolic link counts as the file it leads to while that is in the same tree. What cannot be an object is skipped and
 * reported, as is a file that cannot be read to its end; a store that refuses an object ends the transfer. A repeat sends
 * only what is not there yet.
 */
export async function uploadTree(
  store: DataStore,
  prefix: string,
  directory: string,
  options: UploadOptions,
): Promise<Uploaded> {
  const { keyOf = (path: string) => path, onObject = () => {}, isWanted = () => true } = options;
  const { listed, concurrency = CONCURRENCY, signal } = options;
  const root = await realpath(directory);
  const skips = new Skips();
  const count = { objects: 0, sizeBytes: 0, unreadCount: 0 };

  const send = async (found: Found, aborted: AbortSignal): Promise<void> => {
    const name = keyOf(found.path);
    if (name === null) return;
    const source = await findSource(root, found);
    if (source.kind === "skip") {
      if (source.isUnread) count.unreadCount += 1;
      return skips.add(found.path, source.reason);
    }
    const key = prefix + name;
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
      return skips.add(found.path, `would have a key of more than ${MAX_KEY_BYTES} bytes`);
    }
    const { sizeBytes, modifiedMs } = source;
    const file = { path: found.path, key, sizeBytes, modifiedMs };
    if (!isWanted(file)) return;
    const known = listed === undefined ? undefined : (listed.get(key) ?? null);
    try {
      const object = await store.put(key, source, aborted, known);
      count.objects += 1;
      count.sizeBytes += object.sizeBytes;
      onObject(object, file);
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error;
      count.unreadCount += 1;
      skips.add(found.path, error.fact);
    }
  };

  await forEachConcurrently((aborted) => walkFolder(root, "", () => true, aborted), concurrency, send, signal);
  return {
    ...count,
    skippedCount: skips.count,
    // Found in order, and judged side by side.
    skipped: skips.named
      .map(({ key: path, reason }) => ({ path, reason }))
      .toSorted((a, b) => compareKeys(a.path, b.path)),
  };
}

type Source =
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number; readonly modifiedMs: number }
  | { readonly kind: "skip"; readonly reason: string; readonly isUnread: boolean };

async function findSource(root: string, found: Found): Promise<Source> {
  if (found.kind === "special") return skip("is a pipe, a socket or a device");
  if (found.kind === "unnamable") return skip("has a name that is not UTF-8");
  if (found.kind === "unreadable") return skip(`is a folder that cannot be read (${codeOf(found.error)})`, true);
  const path = join(root, found.path);
  if (found.kind === "file") return describeSource(path);
  const target = await realpath(path).catch(() => null); // Whatever is wrong with the link: it has no target.
  if (target === null) return skip("is a symbolic link that leads nowhere");
  if (!target.startsWith(root + sep)) return skip("is a symbolic link that leads out of its folder");
  return describeSource(target);
}

async function describeSource(path: string): Promise<Source> {
  try {
    const facts = await lstat(path);
    if (facts.isDirectory()) return skip("is a symbolic link to a folder");
    if (!facts.isFile()) return skip("is a pipe, a socket or a device");
    await access(path, constants.R_OK);
    return { kind: "file", path, sizeBytes: facts.size, modifiedMs: facts.mtimeMs };
  } catch (error) {
    return codeOf(error) === "ENOENT" ? skip("vanished") : skip(`cannot be read (${codeOf(error)})`, true);
  }
}

function skip(reason: string, isUnread = false): Source {
  return { kind: "skip", reason, isUnread };
}
