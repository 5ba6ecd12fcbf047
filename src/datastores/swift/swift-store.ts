import { Readable } from "node:stream";
import { type Clock, systemClock } from "../../base/clock.ts";
import type { EndpointGuard } from "../address-guard.ts";
import type { Content, ContinuesPuts, DataStore, KeepsRemains, StoredObject } from "../datastore.ts";
import { objectStream } from "../object-stream.ts";
import {
  placeOf,
  type RangeAnswer,
  type RangeOutcome,
  type RangeReads,
  type RangeRequest,
  type RangeSink,
} from "../range-reads.ts";
import { RemoteError } from "../remote-error.ts";
import type { Retrier } from "../retry.ts";
import { CONTAINER_NAME_RULE, isContainerName } from "./container-name.ts";
import { answeredEtag } from "./etag.ts";
import { DEFAULT_TIME_LIMITS, HttpClient, type Outcome, type TimeLimits } from "../http-client.ts";
import { LeftSegments } from "./left-segments.ts";
import { findMissingSegment } from "./missing-segment.ts";
import { containerPath, objectPath } from "./object-path.ts";
import { segmentsBucket } from "./segments.ts";
import { translateOutcome, translateTrouble } from "./swift-errors.ts";
import { listObjects } from "./swift-listing.ts";
import { chooseLogin, type SwiftConnection } from "./swift-login.ts";
import { putContent } from "./swift-put.ts";
import { SwiftSession } from "./swift-session.ts";

export interface SwiftStoreOptions {
  readonly connection: SwiftConnection;
  /** The container. */
  readonly bucket: string;
  readonly guard: EndpointGuard;
  /** Repeats the segments of an upload; everything else is repeated around the store (`withRetry`). */
  readonly retrier: Retrier;
  readonly timeLimits?: TimeLimits;
  /** Larger contents go up in segments of this size; a store takes no more than 5 GiB in one. */
  readonly segmentBytes?: number;
  /** Objects to ask for at a time; without it as many as the store gives, mostly 10,000. */
  readonly pageSize?: number;
  /** For the wait of an upload that failed until what it had sent can be taken back; without it the system's. */
  readonly clock?: Clock;
}

const DEFAULT_SEGMENT_BYTES = 256 * 1024 * 1024;

/** A container of OpenStack Swift, found through Keystone or auth v1. Nothing is sent before the first request. */
export function openSwiftStore(options: SwiftStoreOptions): SwiftStore {
  const { connection, bucket, guard, timeLimits = DEFAULT_TIME_LIMITS } = options;
  if (!isContainerName(bucket)) {
    const message = `'${bucket}' cannot be the name of a bucket: it must be ${CONTAINER_NAME_RULE}.`;
    throw new RemoteError("invalid", message, { retryable: false });
  }
  guard.checkEndpoint(connection.authUrl);
  return new SwiftStore(new HttpClient(guard, timeLimits), swiftLabel(connection, bucket), options);
}

/** The store's own host is known only after the login, so the label has that of the login. */
export function swiftLabel(connection: Pick<SwiftConnection, "authUrl" | "region">, bucket: string): string {
  const region = connection.region === null ? "" : ` in region '${connection.region}'`;
  return `bucket '${bucket}'${region} at ${new URL(connection.authUrl).origin}`;
}

export class SwiftStore implements DataStore, KeepsRemains, ContinuesPuts, RangeReads {
  readonly label: string;
  readonly #client: HttpClient;
  readonly #session: SwiftSession;
  readonly #bucket: string;
  readonly #left: LeftSegments;
  readonly #options: Pick<SwiftStoreOptions, "retrier" | "segmentBytes" | "pageSize" | "clock">;

  /** Use `openSwiftStore`, which checks names and addresses. */
  constructor(client: HttpClient, label: string, options: SwiftStoreOptions) {
    this.label = label;
    this.#client = client;
    this.#session = new SwiftSession(client, chooseLogin(client, options.connection));
    this.#bucket = options.bucket;
    this.#options = options;
    this.#left = new LeftSegments({
      session: this.#session,
      bucket: this.#bucket,
      list: (prefix, signal) => this.#list(segmentsBucket(this.#bucket), prefix, undefined, signal),
    });
  }

  async *list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    yield* this.#list(this.#bucket, prefix, after, signal);
  }

  async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    const what = `${this.#name(key)} cannot be read`;
    const translate = (error: unknown): RemoteError => translateTrouble(error, what);
    const headers = offset === 0 ? {} : { range: `bytes=${offset}-` };
    try {
      signal.throwIfAborted();
      const path = objectPath(this.#bucket, key);
      const answer = await this.#session.send({ method: "GET", path, headers }, signal);
      // A cache in between may not know ranges and answer with everything.
      if (answer.status === 200) return objectStream(answer.body, offset, translate, signal);
      if (answer.status === 206) return objectStream(answer.body, 0, translate, signal);
      await answer.discard();
      if (answer.status === 416) return Readable.from([]);
      throw await this.#explainUnread(key, offset, answer, what, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translate(error);
    }
  }

  async readRange(request: RangeRequest, sink: RangeSink, signal: AbortSignal): Promise<RangeOutcome> {
    const { key, start, end } = request;
    const what = `${this.#name(key)} cannot be read`;
    const isAll = start === 0 && end === null;
    const headers: Record<string, string> = isAll ? {} : { range: `bytes=${start}-${end === null ? "" : end - 1}` };
    const body = {
      begin: (answer: Outcome): boolean => {
        if (answer.status !== 200 && answer.status !== 206) return false;
        sink.begin(describeAnswer(answer, start));
        return true;
      },
      take: (piece: Buffer) => sink.take(piece),
    };
    try {
      const path = objectPath(this.#bucket, key);
      const answer = await this.#session.stream({ method: "GET", path, headers, isOfObject: true }, body, signal);
      if (answer.status === 200 || answer.status === 206) return "read";
      // There is no such range, so the object is shorter now.
      if (answer.status === 416) return "replaced";
      throw await this.#explainUnread(key, start, answer, what, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateTrouble(error, what);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const what = `${this.#name(key)} cannot be looked up`;
    try {
      signal.throwIfAborted();
      const answer = await this.#session.send({ method: "HEAD", path: objectPath(this.#bucket, key) }, signal);
      await answer.discard();
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw translateOutcome(answer, what);
      return { key, sizeBytes: Number(answer.header("content-length") ?? 0), etag: answeredEtag(answer) };
    } catch (error) {
      signal.throwIfAborted();
      throw translateTrouble(error, what);
    }
  }

  async put(key: string, content: Content, signal: AbortSignal, known?: StoredObject | null): Promise<StoredObject> {
    const parts = {
      session: this.#session,
      bucket: this.#bucket,
      name: this.#name(key),
      segmentBytes: this.#options.segmentBytes ?? DEFAULT_SEGMENT_BYTES,
      retrier: this.#options.retrier,
      clock: this.#options.clock ?? systemClock,
      left: this.#left,
      head: async (each: string, aborted: AbortSignal) => this.head(each, aborted),
    };
    return putContent(parts, key, content, signal, known);
  }

  continueUnfinished(prefix: string): void {
    this.#left.continueBelow(prefix);
  }

  async discardUnfinished(prefix: string, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      await this.#left.discard(prefix, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateTrouble(error, `Unfinished uploads in ${this.label} cannot be removed`);
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async *#list(
    bucket: string,
    prefix: string,
    after: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<StoredObject> {
    const parts = {
      session: this.#session,
      bucket,
      label: this.label,
      pageSize: this.#options.pageSize ?? null,
      head: async (key: string, aborted: AbortSignal) => this.head(key, aborted),
    };
    try {
      signal.throwIfAborted();
      yield* listObjects(parts, prefix, after, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw translateTrouble(error, `Listing ${this.label} failed`);
    }
  }

  /** 404 is said of objects and of buckets alike, and an object whose segment is gone is an "error of the store". */
  async #explainUnread(
    key: string,
    offset: number,
    answer: Outcome,
    what: string,
    signal: AbortSignal,
  ): Promise<RemoteError> {
    if (answer.status === 404) {
      const bucket = await this.#session.send({ method: "HEAD", path: containerPath(this.#bucket) }, signal);
      await bucket.discard();
      if (bucket.status !== 404) return translateOutcome(answer, what);
      return translateOutcome(answer, what, { reason: "bucket_missing", fact: "the bucket does not exist" });
    }
    if (answer.status !== 409 && answer.status !== 500) return translateOutcome(answer, what);
    const segment = await findMissingSegment(this.#session, this.#bucket, key, offset, signal).catch(() => null);
    if (segment === null) return translateOutcome(answer, what);
    const fact = `its segment '${segment}' is missing in the store`;
    return translateOutcome(answer, what, { reason: "object_missing", retryable: false, fact });
  }

  #name(key: string): string {
    return `Object '${key}' of ${this.label}`;
  }
}

/** The ETag of an answer says which content its bytes are of, so no condition is sent along: old proxies lose it. */
function describeAnswer(answer: Outcome, asked: number): RangeAnswer {
  return { etag: answeredEtag(answer), isOpaque: false, ...placeOf(answer, asked) };
}
