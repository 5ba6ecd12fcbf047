import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, lstat, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { mkdir, open, rename, rm } from "../../base/world-files.ts";
import { syncFolder } from "../../base/sync-folder.ts";
import { readContent, readPieces, sizeOf } from "../content.ts";
import type { Content } from "../datastore.ts";
import { codeOf } from "../file-trouble.ts";
import { RemoteError } from "../remote-error.ts";
import { partName } from "./unfinished-parts.ts";

/** Writes objects into one bucket, a folder by its real path. All may be called at once. */
export class ObjectWriter {
  readonly bucket: string;
  /** Folders of the bucket that are there, real and durable, or are about to be; by their paths. */
  readonly #folders = new Map<string, Promise<void>>();
  /** Syncs of folders that have not begun yet: who has changed the folder by then shares them. */
  readonly #syncs = new Map<string, Promise<void>>();

  constructor(bucket: string) {
    this.bucket = bucket;
  }

  /**
   * Makes `path` in the bucket hold the content, durably and at once: written under a hidden name, synced, read back and
   * compared, renamed, and the folders synced. Whoever dies on the way leaves at most a hidden file. Gives what the file
   * system says of the object.
   */
  async write(path: string, content: Content, signal: AbortSignal): Promise<BigIntStats> {
    const target = join(this.bucket, path);
    // In the bucket itself rather than beside the object: a long name stays within what a file system takes.
    const part = join(this.bucket, partName(path));
    try {
      // Together, since both wait for the disk; a folder that is refused ends the writing.
      const refused = new AbortController();
      const ready = this.#ready(dirname(target), path);
      ready.catch((error: unknown) => refused.abort(error));
      const writing = writePart(part, content, AbortSignal.any([signal, refused.signal]));
      const [written, made] = await Promise.allSettled([writing, ready]);
      if (made.status === "rejected") throw made.reason;
      if (written.status === "rejected") throw written.reason;
      signal.throwIfAborted();
      await this.#show(part, target, path);
      return written.value;
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async #show(part: string, target: string, path: string): Promise<void> {
    try {
      await rename(part, target);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      // Somebody has removed the folder since it was made.
      this.#folders.clear();
      await this.#ready(dirname(target), path);
      await rename(part, target);
    }
    await this.#sync(dirname(target));
  }

  /**
   * Sees to it that the folder is a real one of the bucket, and durable: once for all its objects, and after a failure
   * again. Step by step from the bucket on, because making all at one go would follow a link out of it.
   */
  async #ready(folder: string, path: string): Promise<void> {
    if (folder === this.bucket) return;
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    const ready = this.#ready(dirname(folder), path).then(async () => {
      await makeFolder(folder, path);
      // Also of one that was there: a server that died may have made it and not come to this.
      await this.#sync(dirname(folder));
    });
    this.#folders.set(folder, ready);
    ready.catch(() => this.#folders.delete(folder));
    return ready;
  }

  async #sync(folder: string): Promise<void> {
    const waiting = this.#syncs.get(folder);
    if (waiting !== undefined) return waiting;
    // Begun in the next turn, so that those whose renaming ends in this one come in time.
    const sync = setImmediate().then(async () => {
      this.#syncs.delete(folder);
      await syncFolder(folder);
    });
    this.#syncs.set(folder, sync);
    return sync;
  }
}

async function makeFolder(folder: string, path: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    await requireFolder(folder, path);
  }
}

/** Whether the path is a folder and no part of it a link. */
export async function isPlainFolder(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined); // Absent is no folder.
  return real === path && (await lstat(path)).isDirectory();
}

async function requireFolder(folder: string, path: string): Promise<void> {
  const facts = await lstat(folder);
  if (facts.isDirectory()) return;
  const fact = facts.isSymbolicLink() ? "a symbolic link, which is not followed," : "a file";
  throw new RemoteError(
    "invalid",
    `The key '${path}' needs the folder '${basename(folder)}', and ${fact} is in its place.`,
    {
      retryable: false,
    },
  );
}

async function writePart(part: string, content: Content, signal: AbortSignal): Promise<BigIntStats> {
  const hash = createHash("md5");
  await using file = await open(part, "wx+", 0o644);
  for await (const piece of readContent(content, signal)) {
    hash.update(piece);
    await writeAll(file, piece);
  }
  await file.sync();
  const readBack = createHash("md5");
  for await (const piece of readPieces(file, 0, sizeOf(content), signal)) readBack.update(piece);
  if (!readBack.digest().equals(hash.digest())) {
    throw new RemoteError("corrupted", `What was written for '${part}' reads back differently.`, { retryable: true });
  }
  return file.stat({ bigint: true });
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, offset);
    offset += bytesWritten;
  }
}
