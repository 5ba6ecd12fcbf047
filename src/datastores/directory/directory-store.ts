import { constants, lstat, readdir, realpath, stat } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { basename, join, sep } from "node:path";
import type { Readable } from "node:stream";
import { copyFile, mkdir, open } from "../../base/world-files.ts";
import { nearest } from "../../base/nearest.ts";
import { syncFolder } from "../../base/sync-folder.ts";
import { md5Of, readPieces, sizeOf } from "../content.ts";
import type { Content, DataStore, FileBacked, KeepsRemains, StoredObject } from "../datastore.ts";
import { codeOf, fileTrouble } from "../file-trouble.ts";
import { compareKeys, keyToPath, PART_PREFIX } from "../key-path.ts";
import { objectStream } from "../object-stream.ts";
import { RemoteError } from "../remote-error.ts";
import { type Found, walkFolder } from "../walk-folder.ts";
import { resolveObject } from "./resolve-object.ts";
import { removeParts } from "./unfinished-parts.ts";
import { isPlainFolder, ObjectWriter } from "./write-object.ts";

export interface DirectoryStoreOptions {
  /** The folder that holds the buckets; it must exist. */
  readonly root: string;
  /** The name of a folder in `root`. */
  readonly bucket: string;
  /** Whether the first put makes the bucket; until then it lists as empty. */
  readonly create: boolean;
  /** For people; default: `bucket 'NAME' in ROOT`. */
  readonly label?: string;
}

const REAL_FOLDER =
  "Name the real folder's root with connection.root, which the operator allows in stores.directory.roots.";

/** Larger files are copied piece by piece, so that an abort is felt; only the kernel's instant clone is tried before. */
const COPY_AT_ONCE_BYTES = 64 * 1024 * 1024;

/**
 * Buckets as folders. A key is the file's path in its bucket. Symbolic links are listed like files; reading one works
 * while it leads to a file of the same bucket and is refused otherwise, so that nobody can publish a file of the
 * machine through a link, and nothing is missing silently. Pipes, sockets and devices are no objects.
 */
export function openDirectoryStore(options: DirectoryStoreOptions): DirectoryStore {
  const { root, bucket, create } = options;
  const label = options.label ?? `bucket '${bucket}' in ${root}`;
  if (bucket.includes("/") || keyToPath(bucket).kind !== "file") {
    throw new RemoteError("invalid", `'${bucket}' cannot be the name of a bucket: it must be the name of one folder.`, {
      retryable: false,
    });
  }
  return new DirectoryStore(root, bucket, create, label);
}

export class DirectoryStore implements DataStore, FileBacked, KeepsRemains {
  readonly label: string;
  readonly #root: string;
  readonly #path: string;
  readonly #create: boolean;
  /** Into the bucket that the first put has found or made, for those that follow it, until one fails. */
  #target: Promise<ObjectWriter> | null = null;

  /** Use `openDirectoryStore`, which checks the name. */
  constructor(root: string, bucket: string, create: boolean, label: string) {
    this.label = label;
    this.#root = root;
    this.#path = join(root, bucket);
    this.#create = create;
  }

  async *list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    signal.throwIfAborted();
    const bucket = await this.#findBucket();
    if (bucket === undefined) return;
    // Begins at the deepest folder that the prefix names: one run's results are found without reading all runs' names.
    const start = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    if (start !== "" && !(await isFolderKey(bucket, start))) return;
    const enter = (folder: string): boolean =>
      (folder.startsWith(prefix) || prefix.startsWith(folder)) &&
      (after === undefined || after.startsWith(folder) || compareKeys(folder, after) > 0);
    try {
      for await (const found of walkFolder(bucket, start, enter, signal)) {
        if (!found.path.startsWith(prefix) || found.kind === "special" || found.path.startsWith(PART_PREFIX)) continue;
        if (after !== undefined && compareKeys(found.path, after) <= 0) continue;
        const object = await this.#describe(bucket, found);
        if (object !== undefined) yield object;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw fileTrouble(error, `Listing ${this.label} failed`);
    }
  }

  async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    const file = await this.#openObject(key, signal);
    const body = file.createReadStream({ start: offset, highWaterMark: 256 * 1024 });
    return objectStream(body, 0, (error) => this.#trouble(error, key), signal);
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const bucket = await this.#findBucket();
    const path = keyToPath(key);
    if (bucket === undefined || path.kind !== "file") return undefined;
    try {
      const file = await resolveObject(bucket, path.path, this.#name(key));
      const facts = await stat(file, { bigint: true });
      return facts.isFile() ? describeFile(key, facts) : undefined;
    } catch (error) {
      const trouble = this.#trouble(error, key);
      if (trouble.reason === "object_missing" || codeOf(error) === "ENOTDIR") return undefined;
      throw trouble;
    }
  }

  async put(key: string, content: Content, signal: AbortSignal, known?: StoredObject | null): Promise<StoredObject> {
    signal.throwIfAborted();
    const path = keyToPath(key);
    if (path.kind !== "file") {
      const reason = path.kind === "folder" ? "ends in '/', and a folder is no object here" : path.reason;
      throw new RemoteError("invalid", `The key '${key}' ${reason}.`, { retryable: false });
    }
    try {
      const writer = await (this.#target ??= this.#openTarget());
      const same = known !== null && (await this.#holds(writer.bucket, path.path, content, signal));
      const facts = same
        ? await stat(join(writer.bucket, path.path), { bigint: true })
        : await writer.write(path.path, content, signal);
      return describeFile(key, facts);
    } catch (error) {
      this.#target = null;
      signal.throwIfAborted();
      throw this.#trouble(error, key);
    }
  }

  async copyToFile(key: string, path: string, signal: AbortSignal): Promise<number> {
    await using file = await this.#openObject(key, signal);
    const { size } = await file.stat();
    // The descriptor, not the name: what was checked is what is copied.
    const source = process.platform === "linux" ? `/proc/self/fd/${file.fd}` : undefined;
    if (source !== undefined) {
      const whole = size <= COPY_AT_ONCE_BYTES;
      const mode = constants.COPYFILE_EXCL | (whole ? constants.COPYFILE_FICLONE : constants.COPYFILE_FICLONE_FORCE);
      try {
        await copyFile(source, path, mode);
        return size;
      } catch (error) {
        if (whole || codeOf(error) === "EEXIST" || codeOf(error) === "ENOSPC") throw error;
        // No clones on this file system: piece by piece.
      }
    }
    await using target = await open(path, "wx");
    for await (const piece of readPieces(file, 0, size, signal)) await target.writeFile(piece);
    return size;
  }

  async discardUnfinished(prefix: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const bucket = await this.#findBucket();
    if (bucket === undefined) return;
    await removeParts(bucket, prefix).catch((error: unknown) => {
      throw fileTrouble(error, `Unfinished copies in ${this.label} cannot be removed`);
    });
  }

  async close(): Promise<void> {
    // Nothing is kept open between calls.
  }

  /** The bucket's real path; undefined while it waits for its first put. */
  async #findBucket(): Promise<string | undefined> {
    try {
      const root = await realpath(this.#root);
      const bucket = await realpath(this.#path).catch((error: unknown) => {
        if (this.#create && codeOf(error) === "ENOENT") return undefined;
        throw error;
      });
      if (bucket === undefined) return undefined;
      if (!bucket.startsWith(root.endsWith(sep) ? root : root + sep)) {
        throw new RemoteError("denied", `The ${this.label} is a link that leads out of its root. ${REAL_FOLDER}`, {
          retryable: false,
        });
      }
      if (!(await stat(bucket)).isDirectory()) throw this.#bucketMissing("it is a file, not a folder");
      return bucket;
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT" || code === "ENOTDIR") throw this.#bucketMissing(await this.#absence(), error);
      throw fileTrouble(error, `The ${this.label} cannot be opened`);
    }
  }

  async #openTarget(): Promise<ObjectWriter> {
    return new ObjectWriter((await this.#findBucket()) ?? (await this.#makeBucket()));
  }

  async #makeBucket(): Promise<string> {
    await mkdir(this.#path, { recursive: true });
    await syncFolder(this.#root);
    return realpath(this.#path);
  }

  /** Where the bucket should be, and the name that was meant where one is close. */
  async #absence(): Promise<string> {
    // Without a root there are no names to compare with.
    const names = await readdir(this.#root).catch(() => []);
    const meant = nearest(basename(this.#path), names);
    return `there is no folder '${this.#path}'${meant === undefined ? "" : `, but there is '${meant}'`}`;
  }

  #bucketMissing(fact: string, cause?: unknown): RemoteError {
    return new RemoteError("bucket_missing", `The ${this.label} does not exist: ${fact}.`, { retryable: false, cause });
  }

  async #describe(bucket: string, found: Found): Promise<StoredObject | undefined> {
    const what = `'${found.path}' in ${this.label}`;
    if (found.kind === "unreadable") throw fileTrouble(found.error, `The folder ${what} cannot be listed`);
    if (found.kind === "unnamable") {
      throw new RemoteError("invalid", `The file ${what} has a name that is not UTF-8, so that no key can name it.`, {
        retryable: false,
      });
    }
    try {
      const file =
        found.kind === "link"
          ? await resolveObject(bucket, found.path, this.#name(found.path))
          : join(bucket, found.path);
      return describeFile(found.path, await lstat(file, { bigint: true }));
    } catch (error) {
      // Listed all the same: whoever reads it learns why it cannot be had.
      if (found.kind === "link") return { key: found.path, sizeBytes: 0, etag: null };
      if (codeOf(error) === "ENOENT") return undefined; // Removed since the folder was read.
      throw error;
    }
  }

  async #openObject(key: string, signal: AbortSignal) {
    signal.throwIfAborted();
    const bucket = await this.#findBucket();
    const path = keyToPath(key);
    if (bucket === undefined || path.kind !== "file") throw this.#objectMissing(key);
    try {
      const real = await resolveObject(bucket, path.path, this.#name(key));
      const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      if ((await file.stat()).isFile()) return file;
      await file.close();
    } catch (error) {
      throw this.#trouble(error, key);
    }
    throw this.#objectMissing(key);
  }

  async #holds(bucket: string, path: string, content: Content, signal: AbortSignal): Promise<boolean> {
    const file = join(bucket, path);
    const facts = await lstat(file).catch(() => undefined); // Absent, or in the way: writing will tell.
    if (facts === undefined || !facts.isFile() || facts.size !== sizeOf(content)) return false;
    const stored = await md5Of({ kind: "file", path: file, sizeBytes: facts.size }, signal);
    return stored.equals(await md5Of(content, signal));
  }

  #name(key: string): string {
    return `Object '${key}' of ${this.label}`;
  }

  #objectMissing(key: string): RemoteError {
    return new RemoteError("object_missing", `There is no object '${key}' in ${this.label}.`, { retryable: false });
  }

  #trouble(error: unknown, key: string): RemoteError {
    return codeOf(error) === "ENOENT" ? this.#objectMissing(key) : fileTrouble(error, this.#name(key));
  }
}

/** Changes with every rewrite; never looks like an MD5, for it says nothing about the bytes themselves. */
function describeFile(key: string, facts: BigIntStats): StoredObject {
  const etag = `file-${facts.ino.toString(36)}-${facts.mtimeNs.toString(36)}-${facts.size.toString(36)}`;
  return { key, sizeBytes: Number(facts.size), etag };
}

async function isFolderKey(bucket: string, key: string): Promise<boolean> {
  const path = keyToPath(key);
  return path.kind === "folder" && (await isPlainFolder(join(bucket, path.path)));
}
