import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { forEachConcurrently } from "../concurrently.ts";
import { ABANDON_MS, isCutOff, LANDING_MS } from "../left-parts.ts";
import type { Looking } from "../look-before-put.ts";
import type { Piece } from "../plan-pieces.ts";
import { RemoteError } from "../remote-error.ts";
import { bucketMissing, contentHeaders, requireStored, send, sendBytes, type Upload } from "./delivery.ts";
import { answeredEtag, unmarked } from "./etag.ts";
import type { LeftSegments, LeftUpload } from "./left-segments.ts";
import { containerPath, objectPath } from "./object-path.ts";
import { segmentKey, segmentsBucket, segmentsPrefix } from "./segments.ts";
import { translateOutcome } from "./swift-errors.ts";

/** Segments of one object under way at once. */
const SEGMENT_CONCURRENCY = 4;

interface LargeUpload extends Upload, Looking {
  /** For the wait until what was given up has landed. */
  readonly clock: Clock;
  readonly left: LeftSegments;
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
  /** Those that an upload before this one has left, and that need not be sent. */
  readonly kept: ReadonlySet<Piece>;
  /** Whether the store may have made the object without saying so. */
  mayBeJoined: boolean;
}

/**
 * Sends the segments and then makes the object, which only lists them: before that nobody sees anything, and afterwards
 * everything. Where uploads of the key are gone on with, segments that are there with just this content are not sent again.
 *
 *   bucket_segments/key/UPLOAD/000000, 000001, ... ◀── bucket/key
 */
export async function putInSegments(
  upload: LargeUpload,
  plan: readonly Piece[],
  md5s: readonly Buffer[],
  signal: AbortSignal,
): Promise<void> {
  await requireSegmentsBucket(upload, signal);
  const put = await continueOrBegin(upload, plan, md5s, signal);
  const { retrier, object } = put;
  try {
    const deliver = async (segment: Piece, aborted: AbortSignal): Promise<void> => {
      const what = `put segment ${segment.index + 1} of '${object.key}'`;
      await retrier.run(what, async () => deliverSegment(put, segment, aborted), aborted);
    };
    const missing = plan.filter((segment) => !put.kept.has(segment));
    await forEachConcurrently(() => eachOf(missing), SEGMENT_CONCURRENCY, deliver, signal);
    await retrier.run(`join the segments of '${object.key}'`, async () => joinOrFind(put, signal), signal);
  } catch (error) {
    const isLeft = put.left.covers(object.key) && isCutOff(error, signal);
    if (!isLeft) await abandon(put);
    throw error;
  }
}

async function continueOrBegin(
  upload: LargeUpload,
  plan: readonly Piece[],
  md5s: readonly Buffer[],
  signal: AbortSignal,
): Promise<Segmented> {
  const fresh: Segmented = {
    ...upload,
    plan,
    md5s: md5s.map((md5) => md5.toString("hex")),
    segments: segmentsBucket(upload.bucket),
    prefix: segmentsPrefix(upload.object.key, randomUUID()),
    begun: new Set(),
    unanswered: new Set(),
    kept: new Set(),
    mayBeJoined: false,
  };
  let best = fresh;
  for (const left of await leftUploads(upload, signal)) {
    const kept = new Set(plan.filter((piece) => isSegment(left, piece, fresh.md5s[piece.index])));
    if (kept.size <= best.kept.size) continue;
    best = { ...fresh, prefix: left.prefix, kept, begun: new Set(kept) };
  }
  if (best.kept.size === 0) return best;
  const kept = new Set<Piece>();
  const confirm = async (segment: Piece, aborted: AbortSignal): Promise<void> => {
    if (await isStored(best, segment, aborted)) kept.add(segment);
  };
  await forEachConcurrently(() => eachOf(best.kept), SEGMENT_CONCURRENCY, confirm, signal);
  return { ...best, kept };
}

/** A store that does not show its segments gets every one again. */
async function leftUploads(upload: LargeUpload, signal: AbortSignal): Promise<readonly LeftUpload[]> {
  const { left, retrier, object } = upload;
  const what = `look for segments of '${object.key}'`;
  try {
    return await retrier.run(what, async () => left.uploadsOf(object.key, signal), signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RemoteError && error.retryable) throw error;
    return [];
  }
}

function isSegment({ segments }: LeftUpload, { index, start, end }: Piece, md5: string | undefined): boolean {
  const segment = segments.get(index);
  return segment?.sizeBytes === end - start && segment.etag === md5;
}

/** Asked of the segment itself: a container may list one that is gone. */
async function isStored(put: Segmented, segment: Piece, signal: AbortSignal): Promise<boolean> {
  const attempt = async (): Promise<boolean> => {
    const answer = await send(put, { method: "HEAD", path: pathOf(put, segment), isLast: true }, signal);
    if (answer.status >= 500) throw translateOutcome(answer, `${put.name} cannot be put`);
    const isWhole = Number(answer.header("content-length")) === segment.end - segment.start;
    return answer.status === 200 && isWhole && answeredEtag(answer) === put.md5s[segment.index];
  };
  return put.retrier.run(`look for segment ${segment.index + 1} of '${put.object.key}'`, attempt, signal);
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

/** Repeatable. When the store does not answer, a look tells whether it has made the object all the same. */
async function joinOrFind(put: Segmented, signal: AbortSignal): Promise<void> {
  const { object } = put;
  try {
    await join(put, signal);
  } catch (error) {
    const now = await put.head(object.key, signal).catch(() => undefined); // The first error tells more than this one.
    if (now?.sizeBytes === object.sizeBytes && now.etag === object.etag) return;
    throw error;
  }
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
  put.mayBeJoined = true;
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

async function requireSegmentsBucket(put: LargeUpload, signal: AbortSignal): Promise<void> {
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
  const segments = segmentsBucket(put.bucket);
  // First of all the bucket itself, lest a slip of the pen make one for segments.
  if ((await ask("HEAD", put.bucket)) === 404) throw bucketMissing(put);
  if ((await ask("HEAD", segments)) === 404) await ask("PUT", segments);
}

/**
 * Only ever this upload's segments, whose names nobody else has. A request that was given up may have arrived all the
 * same, and a store may keep its segment after it has answered that there is none to delete: hence the second look.
 * Segments that an object lists stay: the answer to the list may have been lost, and the list itself may land late.
 */
async function abandon(put: Segmented): Promise<void> {
  const remove = async (segment: Piece, signal: AbortSignal): Promise<void> => {
    await send(put, { method: "DELETE", path: pathOf(put, segment), isLast: true }, signal);
  };
  const timeout = AbortSignal.timeout(ABANDON_MS);
  try {
    if (put.mayBeJoined) {
      await put.clock.sleep(LANDING_MS, timeout);
      if (await put.left.isListed(put.object.key, put.prefix, timeout)) return;
    }
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
