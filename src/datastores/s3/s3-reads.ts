import { Readable } from "node:stream";
import type { StoredObject } from "../datastore.ts";
import { plainEtag } from "../etag.ts";
import type { Outcome } from "../http-client.ts";
import { objectStream } from "../object-stream.ts";
import { placeOf, type RangeAnswer, type RangeOutcome, type RangeRequest, type RangeSink } from "../range-reads.ts";
import type { RemoteError } from "../remote-error.ts";
import { translateS3Error } from "./s3-errors.ts";
import { failureOf, type S3Http } from "./s3-http.ts";
import { listObjects } from "./s3-listing.ts";

/** The answer is for nobody but its head. */
const NO_BODY = { begin: () => false, take: () => undefined };

/** Everything that is read from a bucket. */
export class S3Reads {
  readonly #http: S3Http;
  readonly #bucket: string;
  readonly #label: string;

  constructor(http: S3Http, bucket: string, label: string) {
    this.#http = http;
    this.#bucket = bucket;
    this.#label = label;
  }

  async *list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    const parts = { http: this.#http, bucket: this.#bucket, label: this.#label };
    try {
      signal.throwIfAborted();
      yield* listObjects(parts, prefix, after, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateS3Error(error, `Listing ${this.#label} failed`);
    }
  }

  async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    const translate = (error: unknown): RemoteError => this.#unread(error, key);
    const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    try {
      signal.throwIfAborted();
      const answer = await this.#http.send({ method: "GET", key, headers }, signal);
      // A server that does not know ranges answers 200 with everything.
      if (answer.status === 200) return objectStream(answer.body, offset, translate, signal);
      if (answer.status === 206) return objectStream(answer.body, 0, translate, signal);
      if (answer.status === 416) {
        await answer.discard();
        return Readable.from([]);
      }
      throw failureOf({ ...answer, text: await answer.text(MAX_ERROR_BYTES) });
    } catch (error) {
      signal.throwIfAborted();
      throw translate(error);
    }
  }

  async readRange(request: RangeRequest, sink: RangeSink, signal: AbortSignal): Promise<RangeOutcome> {
    const { key, start, end, etag } = request;
    const headers: Record<string, string> = {};
    if (start > 0 || end !== null) headers["range"] = `bytes=${start}-${end === null ? "" : end - 1}`;
    if (etag !== null) headers["if-match"] = `"${etag}"`;
    const body = {
      begin: (answer: Outcome): boolean => {
        if (answer.status !== 200 && answer.status !== 206) return false;
        sink.begin(describeAnswer(answer, start));
        return true;
      },
      take: (piece: Buffer) => sink.take(piece),
    };
    try {
      const answer = await this.#http.stream({ method: "GET", key, headers, isOfObject: true }, body, signal);
      if (answer.status === 200 || answer.status === 206) return "read";
      // 416: there is no such range, so the object is shorter now.
      if (answer.status === 412 || answer.status === 416) return "replaced";
      throw failureOf(answer);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#unread(error, key);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    try {
      signal.throwIfAborted();
      const answer = await this.#http.stream({ method: "HEAD", key }, NO_BODY, signal);
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw failureOf(answer);
      return { key, sizeBytes: Number(answer.header("content-length") ?? 0), etag: plainEtag(answer.header("etag")) };
    } catch (error) {
      signal.throwIfAborted();
      throw translateS3Error(error, `Object '${key}' of ${this.#label} cannot be looked up`);
    }
  }

  #unread(error: unknown, key: string): RemoteError {
    return translateS3Error(error, `Object '${key}' of ${this.#label} cannot be read`);
  }
}

const MAX_ERROR_BYTES = 1024 * 1024;

function describeAnswer(answer: Outcome, asked: number): RangeAnswer {
  const encryption = answer.header("x-amz-server-side-encryption") ?? "";
  const isOpaque =
    encryption.startsWith("aws:kms") || answer.header("x-amz-server-side-encryption-customer-algorithm") !== undefined;
  return { etag: plainEtag(answer.header("etag")), isOpaque, ...placeOf(answer, asked) };
}
