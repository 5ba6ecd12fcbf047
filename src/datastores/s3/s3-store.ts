import { Readable } from "node:stream";
import { GetObjectCommand, HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { type Clock, systemClock } from "../../base/clock.ts";
import type { EndpointGuard } from "../address-guard.ts";
import type { Content, ContinuesPuts, DataStore, KeepsRemains, StoredObject } from "../datastore.ts";
import { plainEtag } from "../etag.ts";
import { objectStream } from "../object-stream.ts";
import { RemoteError } from "../remote-error.ts";
import type { Retrier } from "../retry.ts";
import { isS3BucketName, S3_BUCKET_NAME_RULE } from "./bucket-name.ts";
import { createS3Client, DEFAULT_TIME_LIMITS, type S3Connection, type TimeLimits } from "./s3-client.ts";
import { translateS3Error } from "./s3-errors.ts";
import { listObjects } from "./s3-listing.ts";
import { putContent } from "./s3-put.ts";
import { abortUploads, LeftUploads } from "./s3-unfinished.ts";

export interface S3StoreOptions {
  readonly connection: S3Connection;
  readonly bucket: string;
  readonly guard: EndpointGuard;
  /** Repeats the parts of an upload; everything else is repeated around the store (`withRetry`). */
  readonly retrier: Retrier;
  readonly timeLimits?: TimeLimits;
  /** Larger contents go up in parts of this size; S3 takes none under 5 MiB. */
  readonly partBytes?: number;
  /** For the wait of an upload that failed until what it had sent can be taken back; without it the system's. */
  readonly clock?: Clock;
}

const DEFAULT_PART_BYTES = 16 * 1024 * 1024;

/** A bucket of any store that speaks S3, addressed in the path (`https://host/bucket/key`), as old stores need it. */
export function openS3Store(options: S3StoreOptions): S3Store {
  const { connection, bucket, guard, timeLimits = DEFAULT_TIME_LIMITS } = options;
  if (!isS3BucketName(bucket)) {
    const message = `'${bucket}' cannot be the name of a bucket: it must be ${S3_BUCKET_NAME_RULE}.`;
    throw new RemoteError("invalid", message, { retryable: false });
  }
  const client = createS3Client(connection, guard, timeLimits);
  const host = new URL(connection.endpointUrl).origin;
  return new S3Store(client, bucket, `bucket '${bucket}' at ${host}`, options);
}

export class S3Store implements DataStore, KeepsRemains, ContinuesPuts {
  readonly label: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #retrier: Retrier;
  readonly #partBytes: number;
  readonly #clock: Clock;
  readonly #left: LeftUploads;

  /** Use `openS3Store`, which checks names and addresses. */
  constructor(
    client: S3Client,
    bucket: string,
    label: string,
    options: Pick<S3StoreOptions, "retrier" | "partBytes" | "clock">,
  ) {
    this.label = label;
    this.#client = client;
    this.#bucket = bucket;
    this.#retrier = options.retrier;
    this.#partBytes = options.partBytes ?? DEFAULT_PART_BYTES;
    this.#clock = options.clock ?? systemClock;
    this.#left = new LeftUploads(client, bucket);
  }

  async *list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    const parts = { client: this.#client, bucket: this.#bucket, label: this.label };
    try {
      signal.throwIfAborted();
      yield* listObjects(parts, prefix, after, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateS3Error(error, `Listing ${this.label} failed`);
    }
  }

  async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    const what = `${this.#name(key)} cannot be read`;
    const translate = (error: unknown): RemoteError => translateS3Error(error, what);
    const range = offset === 0 ? {} : { Range: `bytes=${offset}-` };
    try {
      signal.throwIfAborted();
      const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key, ...range });
      const output = await this.#client.send(command, { abortSignal: signal });
      if (!(output.Body instanceof Readable)) throw new Error("The answer has no body.");
      // A server that does not know ranges answers 200 with everything.
      const isWhole = offset > 0 && output.$metadata.httpStatusCode === 200;
      return objectStream(output.Body, isWhole ? offset : 0, translate, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (statusOf(error) === 416) return Readable.from([]);
      throw translate(error);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    try {
      signal.throwIfAborted();
      const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key });
      const output = await this.#client.send(command, { abortSignal: signal });
      return { key, sizeBytes: output.ContentLength ?? 0, etag: plainEtag(output.ETag) };
    } catch (error) {
      signal.throwIfAborted();
      if (statusOf(error) === 404) return undefined;
      throw translateS3Error(error, `${this.#name(key)} cannot be looked up`);
    }
  }

  async put(key: string, content: Content, signal: AbortSignal, known?: StoredObject | null): Promise<StoredObject> {
    const parts = {
      client: this.#client,
      bucket: this.#bucket,
      name: this.#name(key),
      partBytes: this.#partBytes,
      retrier: this.#retrier,
      clock: this.#clock,
      left: this.#left,
      head: async (each: string, aborted: AbortSignal) => this.head(each, aborted),
    };
    try {
      return await putContent(parts, key, content, signal, known);
    } catch (error) {
      signal.throwIfAborted();
      throw translateS3Error(error, `${this.#name(key)} cannot be put`);
    }
  }

  continueUnfinished(prefix: string): void {
    this.#left.continueBelow(prefix);
  }

  async discardUnfinished(prefix: string, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      await abortUploads(this.#client, this.#bucket, prefix, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateS3Error(error, `Unfinished uploads in ${this.label} cannot be aborted`);
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #name(key: string): string {
    return `Object '${key}' of ${this.label}`;
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}
