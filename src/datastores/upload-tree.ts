import { access, constants, lstat, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { forEachConcurrently } from "./concurrently.ts";
import type { DataStore, StoredObject } from "./datastore.ts";
import { codeOf } from "./file-trouble.ts";
import { Skips } from "./skips.ts";
import { type Found, walkFolder } from "./walk-folder.ts";

/** Objects under way at once, unless told otherwise: enough to hide the store's latency, few enough for old gateways. */
const CONCURRENCY = 16;

/** An S3 key's greatest length in UTF-8. */
const MAX_KEY_BYTES = 1024;

export interface UploadOptions {
  /** The key under the prefix for a file's relative path; null leaves the file alone. Default: the path itself. */
  readonly keyOf?: (path: string) => string | null;
  readonly onObject?: (object: StoredObject) => void;
  readonly concurrency?: number;
  readonly signal: AbortSignal;
}

export interface Uploaded {
  readonly objects: number;
  readonly sizeBytes: number;
  readonly skippedCount: number;
  /** The first of the skipped, by relative path; `reason` continues the sentence "the file ...". */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Puts every file below `directory` under `prefix` plus its relative path, begun in the byte order of the paths. A
 * symbolic link counts as the file it leads to while that is in the same tree. What cannot be an object is skipped and
 * reported; a store that refuses an object ends the transfer. A repeat sends only what is not there yet.
 */
export async function uploadTree(
  store: DataStore,
  prefix: string,
  directory: string,
  options: UploadOptions,
): Promise<Uploaded> {
  const { keyOf = (path: string) => path, onObject = () => {}, concurrency = CONCURRENCY, signal } = options;
  const root = await realpath(directory);
  const skips = new Skips();
  const count = { objects: 0, sizeBytes: 0 };

  const send = async (found: Found, aborted: AbortSignal): Promise<void> => {
    const name = keyOf(found.path);
    if (name === null) return;
    const source = await findSource(root, found);
    if (source.kind === "skip") return skips.add(found.path, source.reason);
    const key = prefix + name;
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
      return skips.add(found.path, `would have a key of more than ${MAX_KEY_BYTES} bytes`);
    }
    const object = await store.put(key, source, aborted);
    count.objects += 1;
    count.sizeBytes += object.sizeBytes;
    onObject(object);
  };

  await forEachConcurrently((aborted) => walkFolder(root, "", () => true, aborted), concurrency, send, signal);
  return {
    ...count,
    skippedCount: skips.count,
    skipped: skips.named.map(({ key: path, reason }) => ({ path, reason })),
  };
}

type Source =
  | { readonly kind: "file"; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: "skip"; readonly reason: string };

async function findSource(root: string, found: Found): Promise<Source> {
  if (found.kind === "special") return skip("is a pipe, a socket or a device");
  if (found.kind === "unnamable") return skip("has a name that is not UTF-8");
  if (found.kind === "unreadable") return skip(`is a folder that cannot be read (${codeOf(found.error)})`);
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
    return { kind: "file", path, sizeBytes: facts.size };
  } catch (error) {
    return skip(codeOf(error) === "ENOENT" ? "vanished" : `cannot be read (${codeOf(error)})`);
  }
}

function skip(reason: string): Source {
  return { kind: "skip", reason };
}
