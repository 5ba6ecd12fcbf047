import type { S3Client } from "@aws-sdk/client-s3";
import { systemClock } from "../../base/clock.ts";
import type { Content, StoredObject } from "../datastore.ts";
import { createS3Client } from "./s3-client.ts";
import { DEFAULT_TIME_LIMITS } from "./s3-connection.ts";
import { translateS3Error } from "./s3-errors.ts";
import { putContent } from "./s3-put.ts";
import type { S3StoreOptions } from "./s3-store.ts";
import { abortUploads, LeftUploads } from "./s3-unfinished.ts";

const DEFAULT_PART_BYTES = 16 * 1024 * 1024;

type Head = (key: string, signal: AbortSignal) => Promise<StoredObject | undefined>;

/** Everything that is changed in a bucket, by way of the SDK. This file is loaded with the first change. */
export class S3Writes {
  readonly #label: string;
  readonly #client: S3Client;
  readonly #options: S3StoreOptions;
  readonly #left: LeftUploads;
  readonly #head: Head;

  constructor(label: string, options: S3StoreOptions, head: Head) {
    const { connection, guard, timeLimits = DEFAULT_TIME_LIMITS } = options;
    this.#label = label;
    this.#client = createS3Client(connection, guard, timeLimits);
    this.#options = options;
    this.#left = new LeftUploads(this.#client, options.bucket);
    this.#head = head;
  }

  async put(key: string, content: Content, signal: AbortSignal, known?: StoredObject | null): Promise<StoredObject> {
    const { bucket, retrier, partBytes = DEFAULT_PART_BYTES, clock = systemClock } = this.#options;
    const name = `Object '${key}' of ${this.#label}`;
    const parts = { client: this.#client, bucket, name, partBytes, retrier, clock, left: this.#left, head: this.#head };
    try {
      return await putContent(parts, key, content, signal, known);
    } catch (error) {
      signal.throwIfAborted();
      throw translateS3Error(error, `${name} cannot be put`);
    }
  }

  continueUnfinished(prefix: string): void {
    this.#left.continueBelow(prefix);
  }

  async discardUnfinished(prefix: string, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      await abortUploads(this.#client, this.#options.bucket, prefix, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateS3Error(error, `Unfinished uploads in ${this.#label} cannot be aborted`);
    }
  }

  close(): void {
    this.#client.destroy();
  }
}
