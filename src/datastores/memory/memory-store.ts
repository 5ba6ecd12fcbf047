import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { readContent } from "../content.ts";
import type { Content, DataStore, StoredObject } from "../datastore.ts";
import { compareKeys } from "../key-path.ts";
import { objectStream } from "../object-stream.ts";
import { RemoteError } from "../remote-error.ts";

const PIECE_BYTES = 64 * 1024;

/** Buckets in memory, for tests of whatever works with a `DataStore`. Stores on one `buckets` see the same objects. */
export class MemoryStore implements DataStore {
  readonly label: string;
  readonly #bucket: string;
  readonly #buckets: Map<string, Map<string, Uint8Array>>;

  constructor(bucket: string, buckets: Map<string, Map<string, Uint8Array>>) {
    this.label = `bucket '${bucket}' in memory`;
    this.#bucket = bucket;
    this.#buckets = buckets;
  }

  async *list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    signal.throwIfAborted();
    const keys = [...this.#objects().keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
    for (const key of keys) {
      signal.throwIfAborted();
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      const bytes = this.#objects().get(key);
      if (bytes !== undefined) yield describeBytes(key, bytes);
    }
  }

  async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    signal.throwIfAborted();
    const bytes = this.#objects().get(key);
    if (bytes === undefined) {
      throw new RemoteError("object_missing", `There is no object '${key}' in ${this.label}.`, { retryable: false });
    }
    const body = Readable.from(pieces(Buffer.from(bytes.subarray(offset))), { objectMode: false });
    return objectStream(body, 0, (error) => error as Error, signal);
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    const bytes = this.#objects().get(key);
    return bytes === undefined ? undefined : describeBytes(key, bytes);
  }

  async put(key: string, content: Content, signal: AbortSignal): Promise<StoredObject> {
    const objects = this.#objects();
    const pieces: Uint8Array[] = [];
    for await (const piece of readContent(content, signal)) pieces.push(Buffer.from(piece));
    signal.throwIfAborted();
    const bytes = Buffer.concat(pieces);
    objects.set(key, bytes);
    return describeBytes(key, bytes);
  }

  async close(): Promise<void> {
    // Nothing to let go of.
  }

  #objects(): Map<string, Uint8Array> {
    const objects = this.#buckets.get(this.#bucket);
    if (objects !== undefined) return objects;
    throw new RemoteError("bucket_missing", `The ${this.label} does not exist.`, { retryable: false });
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) yield bytes.subarray(start, start + PIECE_BYTES);
}

function describeBytes(key: string, bytes: Uint8Array): StoredObject {
  return { key, sizeBytes: bytes.byteLength, etag: createHash("md5").update(bytes).digest("hex") };
}
