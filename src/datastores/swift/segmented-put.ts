import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { forEachConcurrently } from "../concurrently.ts";
import type { Looking } from "../look-before-put.ts";
import type { Piece } from "../plan-pieces.ts";
import { RemoteError } from "../remote-error.ts";
import { bucketMissing, contentHeaders, requireStored, send, sendBytes, type Upload } from "./delivery.ts";
import { unmarked } from "./etag.ts";
import { containerPath, objectPath } from "./object-path.ts";
import { segmentKey, segmentsBucket, segmentsPrefix } from "./segments.ts";
import { translateOutcome } from "./swift-errors.ts";

/** Segments of one object under way at once. */
const SEGMENT_CONCURRENCY = 4;

/** How long a failed upload tries to take its segments back. */
const ABANDON_MS = 10_000;

/** How long a store may take to keep a segment that had wholly arrived when the request for it was given up. */
const LANDING_MS = 1000;

interface LargeUpload extends Upload, Looking {
  /** For the wait until what was given up has landed. */
  readonly clock: Clock;
}

interface Segmented extends LargeUpload {
  readonly plan: readonly Piece[];
  readonly md5s: readonly string[];
  /** The container of the segments, and what their names begin with. */
  readonly segments: string;
  readonly prefix: string;
  /** The segments that the store may have. */
  readonly begun: Set<Piece>;
  /** Those of them that it may yet get, because some request for them was never answered. */
  readonly unanswered: Set<Piece>;
}

/**
 * Sends the segments and then makes the object, which only lists them: before that nobody sees anything, and afterwards
 * everything.
 *
 *   bucket_segments/key/UPLOAD/000000, 000001, ... ◀── bucket/key
 */
export async function putInSegments(
  upload: LargeUpload,
  plan: readonly Piece[],
  md5s: readonly Buffer[],
  signal: AbortSignal,
): Promise<void> {
  const put: Segmented = {
    ...upload,
    plan,
    md5s: md5s.map((md5) => md5.toString("hex")),
    segments: segmentsBucket(upload.bucket),
    prefix: segmentsPrefix(upload.object.key, randomUUID()),
    begun: new Set(),
    unanswered: new Set(),
  };
  const { retrier, object } = put;
  await requireSegmentsBucket(put, signal);
  try {
    const deliver = async (segment: Piece, aborted: AbortSignal): Promise<void> => {
      const what = `put segment ${segment.index + 1} of '${object.key}'`;
      await retrier.run(what, async () => deliverSegment(put, segment, aborted), aborted);
    };
    await forEachConcurrently(() => eachOf(plan), SEGMENT_CONCURRENCY, deliver, signal);
    await retrier.run(`join the segments of '${object.key}'`, async () => join(put, signal), signal);
  } catch (error) {
    await abandon(put);
    throw error;
  }
}

async function deliverSegment(put: Segmented, segment: Piece, signal: AbortSignal): Promise<void> {
  const md5 = put.md5s[segment.index] ?? "";
  put.begun.add(segment);
  const answer = await sendBytes(put, pathOf(put, segment), md5, segment, signal).catch((error: unknown) => {
    // For good: the answer to a later try says nothing about this one.
    put.unanswered.add(segment);
    throw error;
  });
  requireStored(put, answer, md5);
}

/** Makes a static large object. Repeatable: the same list again is the same object. */
async function join(put: Segmented, signal: AbortSignal): Promise<void> {
  const { bucket, object } = put;
  const rows = put.plan.map(({ index, start, end }) => ({
    path: `/${put.segments}/${segmentKey(put.prefix, index)}`,
    etag: put.md5s[index],
    size_bytes: end - start,
  }));
  const list = Buffer.from(JSON.stringify(rows));
  // A store that does not know static large objects would keep the list itself under the key; the ETag forbids it that.
  const headers = { etag: unmarked(object.etag), ...contentHeaders(list.length) };
  const path = `${objectPath(bucket, object.key)}?multipart-manifest=put`;
  const answer = await send(put, { method: "PUT", path, headers, body: () => list }, signal);
  if (answer.status === 422) await joinByPrefix(put, signal);
  else requireStored(put, answer, object.etag);
}

/**
 * Makes a dynamic large object, which is whatever the container lists under a prefix: all that older stores have. They
 * compare nothing and may list a segment late, so that a look has to show whether all are there.
 */
async function joinByPrefix(put: Segmented, signal: AbortSignal): Promise<void> {
  const { bucket, object } = put;
  const headers = {
    "x-object-manifest": [put.segments, ...put.prefix.split("/")].map(encodeURIComponent).join("/"),
    ...contentHeaders(0),
  };
  const request = {
    method: "PUT",
    path: objectPath(bucket, object.key),
    headers,
    body: () => new Uint8Array(),
  } as const;
  const answer = await send(put, request, signal);
  if (answer.status === 404) throw bucketMissing(put);
  if (answer.status !== 201) throw translateOutcome(answer, `${put.name} cannot be put`);
  const now = await put.head(object.key, signal);
  if (now?.sizeBytes === object.sizeBytes && now.etag === object.etag) return;
  const message = `${put.name} cannot be put: the store does not show all of its segments as one object.`;
  throw new RemoteError("corrupted", message, { retryable: true });
}

async function requireSegmentsBucket(put: Segmented, signal: AbortSignal): Promise<void> {
  const ask = async (method: "HEAD" | "PUT", bucket: string): Promise<number> => {
    const attempt = async (): Promise<number> => {
      const answer = await send(put, { method, path: containerPath(bucket), isLast: true }, signal);
      // Who may not look may still be allowed to write; the first segment will tell.
      if (answer.status < 300 || (method === "HEAD" && [403, 404].includes(answer.status))) return answer.status;
      const fact = `bucket '${bucket}', which is to hold its segments, is not there, and the user may not make it`;
      throw translateOutcome(answer, `${put.name} cannot be put`, answer.status === 403 ? { fact } : {});
    };
    return put.retrier.run(`look for bucket '${bucket}'`, attempt, signal);
  };
  // First of all the bucket itself, lest a slip of the pen make one for segments.
  if ((await ask("HEAD", put.bucket)) === 404) throw bucketMissing(put);
  if ((await ask("HEAD", put.segments)) === 404) await ask("PUT", put.segments);
}

/**
 * Only ever this upload's segments, whose names nobody else has. A request that was given up may have arrived all the
 * same, and a store may keep its segment after it has answered that there is none to delete: hence the second look.
 */
async function abandon(put: Segmented): Promise<void> {
  const remove = async (segment: Piece, signal: AbortSignal): Promise<void> => {
    await send(put, { method: "DELETE", path: pathOf(put, segment), isLast: true }, signal);
  };
  const timeout = AbortSignal.timeout(ABANDON_MS);
  try {
    await forEachConcurrently(() => eachOf(put.begun), SEGMENT_CONCURRENCY, remove, timeout);
    if (put.unanswered.size === 0) return;
    await put.clock.sleep(LANDING_MS, timeout);
    await forEachConcurrently(() => eachOf(put.unanswered), SEGMENT_CONCURRENCY, remove, timeout);
  } catch {
    // The trouble that led here is what the caller needs to know. What stays, stays under the object's name.
  }
}

function pathOf(put: Segmented, { index }: Piece): string {
  return objectPath(put.segments, segmentKey(put.prefix, index));
}

async function* eachOf<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
