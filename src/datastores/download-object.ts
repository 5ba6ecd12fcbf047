import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { open } from "../base/world-files.ts";
import type { DataStore, StoredObject } from "./datastore.ts";
import { RemoteError } from "./remote-error.ts";
import type { Retrier } from "./retry.ts";

/** How often an object may be begun anew: because it was replaced in the store meanwhile, or arrived damaged. */
const MAX_STARTS = 4;

/** What one answer must bring to count as progress; a store that drips a byte at a time runs out of tries. */
const PROGRESS_BYTES = 64 * 1024;

const PLAIN_MD5 = /^[0-9a-f]{32}$/;

/**
 * Brings one object into the new file `path`, whole and checked, or throws; the file is then the caller's to remove.
 *
 *   read from offset --ends early--> still the same object? --yes--> read on from there
 *        |                                   no
 *        v all bytes                          v
 *   checksum right? --no, or no longer the same object--> begin anew, at most MAX_STARTS times
 *
 * Gives the object as it was when it arrived: another one than was listed, if it was replaced since.
 */
export async function downloadObject(
  store: DataStore,
  listed: StoredObject,
  path: string,
  retrier: Retrier,
  signal: AbortSignal,
): Promise<StoredObject> {
  await using file = await open(path, "wx");
  let wanted = listed;
  for (let start = 1; ; start += 1) {
    const end = await new Copy(store, wanted, file, retrier, signal).run();
    if (end.status === "whole") return wanted;
    if (start === MAX_STARTS) throw end.error;
    wanted = end.now;
    await file.truncate(0);
  }
}

type End =
  | { readonly status: "whole" }
  /** Worth another start with the object as it is `now`; `error` says why, if none follows. */
  | { readonly status: "spoiled"; readonly now: StoredObject; readonly error: RemoteError };

/** One start: everything that was read is of the object `wanted`, as far as anybody can tell. */
class Copy {
  readonly #store: DataStore;
  readonly #wanted: StoredObject;
  readonly #file: FileHandle;
  readonly #retrier: Retrier;
  readonly #signal: AbortSignal;
  /** Present while the store's ETag is the MD5 of the bytes: only then do they prove themselves. */
  readonly #md5: Hash | undefined;
  /** Bytes that are in the file. */
  #offset = 0;
  /** True once the bytes came from more than one answer, which might be answers about different contents. */
  #pieced = false;

  constructor(store: DataStore, wanted: StoredObject, file: FileHandle, retrier: Retrier, signal: AbortSignal) {
    this.#store = store;
    this.#wanted = wanted;
    this.#file = file;
    this.#retrier = retrier;
    this.#signal = signal;
    this.#md5 = PLAIN_MD5.test(wanted.etag ?? "") ? createHash("md5") : undefined;
  }

  async run(): Promise<End> {
    const { key, sizeBytes, etag } = this.#wanted;
    for (let attempt = 1; ; attempt += 1) {
      const before = this.#offset;
      const trouble = await this.#readOn();
      if (this.#offset > sizeBytes) return this.#spoiled("has more bytes than the store says");
      if (this.#offset === sizeBytes) break;
      if (this.#offset >= before + PROGRESS_BYTES) attempt = 1;
      const error = trouble ?? this.#endedEarly();
      await this.#retrier.waitOrThrow(`read '${key}' on from byte ${this.#offset}`, attempt, error, this.#signal);
      this.#pieced = true;
      const now = await this.#look();
      if (!isSame(now, this.#wanted)) return this.#replaced(now);
    }
    if (this.#md5 !== undefined) {
      return this.#md5.digest("hex") === etag
        ? { status: "whole" }
        : this.#spoiled(`does not have the checksum that the store says (MD5 ${etag})`);
    }
    if (!this.#pieced) return { status: "whole" };
    const now = await this.#look();
    return isSame(now, this.#wanted) ? { status: "whole" } : this.#replaced(now);
  }

  /** Appends what one answer gives; the trouble that ended it, if it was one that may pass. */
  async #readOn(): Promise<RemoteError | undefined> {
    const stream = await this.#store.read(this.#wanted.key, this.#offset, this.#signal);
    try {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        if (this.#offset + piece.length > this.#wanted.sizeBytes) {
          this.#offset += piece.length;
          return undefined;
        }
        this.#md5?.update(piece);
        await this.#write(piece);
      }
      return undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof RemoteError && error.retryable) return error;
      throw error;
    }
  }

  async #write(piece: Buffer): Promise<void> {
    for (let written = 0; written < piece.length;) {
      const { bytesWritten } = await this.#file.write(piece, written, piece.length - written, this.#offset);
      written += bytesWritten;
      this.#offset += bytesWritten;
    }
  }

  async #look(): Promise<StoredObject> {
    const now = await this.#store.head(this.#wanted.key, this.#signal);
    if (now !== undefined) return now;
    throw new RemoteError("object_missing", `${this.#name()} was removed while it was being read.`, {
      retryable: false,
    });
  }

  async #spoiled(fact: string): Promise<End> {
    const now = await this.#look();
    const error = new RemoteError("corrupted", `${this.#name()} ${fact}.`, { retryable: true });
    return isSame(now, this.#wanted) ? { status: "spoiled", now, error } : this.#replaced(now);
  }

  #replaced(now: StoredObject): End {
    const error = new RemoteError(
      "corrupted",
      `${this.#name()} was replaced again and again while it was being read.`,
      {
        retryable: true,
      },
    );
    return { status: "spoiled", now, error };
  }

  #endedEarly(): RemoteError {
    const { sizeBytes } = this.#wanted;
    return new RemoteError("corrupted", `${this.#name()} ended after ${this.#offset} of ${sizeBytes} bytes.`, {
      retryable: true,
    });
  }

  #name(): string {
    return `Object '${this.#wanted.key}' of ${this.#store.label}`;
  }
}

function isSame(a: StoredObject, b: StoredObject): boolean {
  return a.sizeBytes === b.sizeBytes && a.etag === b.etag;
}
