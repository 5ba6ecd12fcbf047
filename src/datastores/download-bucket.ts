import { join } from "node:path";
import { mkdir, mkdtemp, rm } from "../base/world-files.ts";
import { systemClock } from "../base/clock.ts";
import { forEachConcurrently } from "./concurrently.ts";
import { type DataStore, isFileBacked, type StoredObject } from "./datastore.ts";
import { downloadObject } from "./download-object.ts";
import { codeOf, fileTrouble } from "./file-trouble.ts";
import { FileTree } from "./file-tree.ts";
import { keyToPath, PART_PREFIX } from "./key-path.ts";
import { DEFAULT_RETRY_POLICY, Retrier } from "./retry.ts";
import { Skips } from "./skips.ts";

/** Objects under way at once, unless told otherwise: enough to hide the store's latency, few enough for old gateways. */
const CONCURRENCY = 16;

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
