import { access, constants, lstat, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { mkdir, mkdtemp, rm } from "../base/world-files.ts";
import { systemClock } from "../base/clock.ts";
import { forEachConcurrently } from "./concurrently.ts";
import { type DataStore, isFileBacked, type StoredObject } from "./datastore.ts";
import { downloadObject } from "./download-object.ts";
import { codeOf, fileTrouble } from "./file-trouble.ts";
import { FileTree } from "./file-tree.ts";
import { keyToPath, PART_PREFIX } from "./key-path.ts";
import { DEFAULT_RETRY_POLICY, Retrier } from "./retry.ts";
import { type Found, walkFolder } from "./walk-folder.ts";

/** Objects under way at once, unless told otherwise: enough to hide the store's latency, few enough for old gateways. */
const CONCURRENCY = 16;

/** An S3 key's greatest length in UTF-8. */
const MAX_KEY_BYTES = 1024;

/** How many of the skipped are named; all are counted. */
const NAMED_SKIPS = 1000;

export interface DownloadOptions {
  /** Only objects whose key begins with it, each under the rest of its key. */
  readonly prefix?: string;
  /** Objects to leave alone, by key. */
  readonly exclude?: (key: string) => boolean;
  readonly onObject?: (object: StoredObject) => void;
  readonly concurrency?: number;
  /** For answers that break off in the middle; the store itself is expected to be patient already. */
  readonly retrier?: Retrier;
  readonly signal: AbortSignal;
}

export interface Downloaded {
  readonly objects: number;
  readonly sizeBytes: number;
  /** How many objects `exclude` named. */
  readonly excluded: number;
  readonly skippedCount: number;
  /** The first of the skipped; `reason` continues the sentence "the key ...". */
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * Brings all objects of a bucket into `directory`, which is empty or not there, each under its key. A file appears
 * only when it is whole and checked. A key that cannot be a path inside the folder is skipped and reported; two keys
 * that would be one file end the transfer, for nobody can say which is meant. On failure the files that were
 * complete stay, for the caller to remove with the folder.
 */
export async function downloadBucket(
  store: DataStore,
  directory: string,
  options: DownloadOptions,
): Promise<Downloaded> {
  const { prefix = "", exclude = () => false, onObject = () => {}, concurrency = CONCURRENCY, signal } = options;
  const retrier = options.retrier ?? new Retrier(DEFAULT_RETRY_POLICY, systemClock);
  await mkdir(directory, { recursive: true });
  const parts = await mkdtemp(join(directory, PART_PREFIX));
  const tree = new FileTree(directory, store.label);
  const skips = new Skips();
  const count = { objects: 0, sizeBytes: 0, excluded: 0, parts: 0 };
  const leaveOut = (gaveWay: readonly string[]): void => {
    count.objects -= gaveWay.length;
    for (const key of gaveWay) skips.add(key, "is empty and also the folder of other objects, so the folder was kept");
  };

  const bring = async (object: StoredObject, aborted: AbortSignal): Promise<void> => {
    const target = keyToPath(object.key.slice(prefix.length));
    if (target.kind === "refused") return skips.add(object.key, target.reason);
    if (target.kind === "folder") {
      if (object.sizeBytes > 0) return skips.add(object.key, "ends in '/' like a folder, and has content like a file");
      return leaveOut(await tree.makeFolder(target.path));
    }
    count.parts += 1;
    const part = join(parts, String(count.parts));
    const arrived = await fetchObject(store, object, part, retrier, aborted);
    count.objects += 1;
    count.sizeBytes += arrived.sizeBytes;
    leaveOut(await tree.place(part, target.path));
    onObject(arrived);
  };

  try {
    await forEachConcurrently(
      (aborted) => store.list(prefix, aborted),
      concurrency,
      async (object, aborted) => {
        if (exclude(object.key)) {
          count.excluded += 1;
          return;
        }
        try {
          await bring(object, aborted);
        } catch (error) {
          aborted.throwIfAborted();
          throw nearEndTrouble(error, object, store);
        }
      },
      signal,
    );
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
  const { objects, sizeBytes, excluded } = count;
  return { objects, sizeBytes, excluded, skippedCount: skips.count, skipped: skips.named };
}

async function fetchObject(
  store: DataStore,
  object: StoredObject,
  part: string,
  retrier: Retrier,
  signal: AbortSignal,
): Promise<StoredObject> {
  if (!isFileBacked(store)) return downloadObject(store, object, part, retrier, signal);
  return { ...object, sizeBytes: await store.copyToFile(object.key, part, signal) };
}

/** A full disk here is worth its own reason; any other trouble of this machine's files is not the store's. */
function nearEndTrouble(error: unknown, object: StoredObject, store: DataStore): unknown {
  const isFull = ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(error));
  return isFull ? fileTrouble(error, `Object '${object.key}' of ${store.label} cannot be written here`) : error;
}

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

/** What was left out, counted to the end and named up to a limit. */
class Skips {
  count = 0;
  readonly named: { readonly key: string; readonly reason: string }[] = [];

  add(key: string, reason: string): void {
    this.count += 1;
    if (this.named.length < NAMED_SKIPS) this.named.push({ key, reason });
  }
}
