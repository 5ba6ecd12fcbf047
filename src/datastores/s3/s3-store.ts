import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import type { EndpointGuard } from "../address-guard.ts";
import type { Content, ContinuesPuts, DataStore, KeepsRemains, StoredObject } from "../datastore.ts";
import type { RangeOutcome, RangeReads, RangeRequest, RangeSink } from "../range-reads.ts";
import { RemoteError } from "../remote-error.ts";
import type { Retrier } from "../retry.ts";
import { isS3BucketName, S3_BUCKET_NAME_RULE } from "./bucket-name.ts";
import { DEFAULT_TIME_LIMITS, type S3Connection, type TimeLimits } from "./s3-connection.ts";
import { S3Http } from "./s3-http.ts";
import { S3Reads } from "./s3-reads.ts";
import type { S3Writes } from "./s3-writes.ts";

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

/** A bucket of any store that speaks S3, addressed in the path (`https://host/bucket/key`), as old stores need it. */
export function openS3Store(options: S3StoreOptions): S3Store {
  const { connection, bucket, guard, timeLimits = DEFAULT_TIME_LIMITS } = options;
  if (!isS3BucketName(bucket)) {
    const message = `'${bucket}' cannot be the name of a bucket: it must be ${S3_BUCKET_NAME_RULE}.`;
    throw new RemoteError("invalid", message, { retryable: false });
  }
  guard.checkEndpoint(connection.endpointUrl);
  return new S3Store(new S3Http(connection, bucket, guard, timeLimits), options);
}

/** Reads by requests of its own, which are many and cheap; changes things with the SDK. */
export class S3Store implements DataStore, KeepsRemains, ContinuesPuts, RangeReads {
  readonly label: string;
  readonly #http: S3Http;
  readonly #options: S3StoreOptions;
  readonly #reads: S3Reads;
  #writes: Promise<S3Writes> | undefined;
  /** Below which prefix uploads are gone on with, until there is somebody who does. */
  #continued: string | undefined;

  /** Use `openS3Store`, which checks names and addresses. */
  constructor(http: S3Http, options: S3StoreOptions) {
    this.label = `bucket '${options.bucket}' at ${new URL(options.connection.endpointUrl).origin}`;
    this.#http = http;
    this.#options = options;
    this.#reads = new S3Reads(http, options.bucket, this.label);
  }

  list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    return this.#reads.list(prefix, signal, after);
  }

  async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    return this.#reads.read(key, offset, signal);
  }

  async readRange(request: RangeRequest, sink: RangeSink, signal: AbortSignal): Promise<RangeOutcome> {
    return this.#reads.readRange(request, sink, signal);
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    return this.#reads.head(key, signal);
  }

  async put(key: string, content: Content, signal: AbortSignal, known?: StoredObject | null): Promise<StoredObject> {
    signal.throwIfAborted();
    const writes = await this.#loadWrites();
    if (this.#continued !== undefined) writes.continueUnfinished(this.#continued);
    this.#continued = undefined;
    return writes.put(key, content, signal, known);
  }

  continueUnfinished(prefix: string): void {
    this.#continued = prefix;
  }

  async discardUnfinished(prefix: string, signal: AbortSignal): Promise<void> {
    const writes = await this.#loadWrites();
    await writes.discardUnfinished(prefix, signal);
  }

  async close(): Promise<void> {
    await this.#http.close();
    (await this.#writes)?.close();
  }

  async #loadWrites(): Promise<S3Writes> {
    this.#writes ??= import("./s3-writes.ts").then(
      ({ S3Writes }) => new S3Writes(this.label, this.#options, async (key, signal) => this.head(key, signal)),
    );
    return this.#writes;
  }
}
