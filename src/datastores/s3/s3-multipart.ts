import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { forEachConcurrently } from "../concurrently.ts";
import type { StoredObject } from "../datastore.ts";
import { ABANDON_MS, isCutOff, LANDING_MS } from "../left-parts.ts";
import type { Piece } from "../plan-pieces.ts";
import { RemoteError } from "../remote-error.ts";
import { type Put, type Receipt, sendRange, translated, verify } from "./s3-delivery.ts";
import { listParts, type UploadName } from "./s3-unfinished.ts";

/** Parts of one object under way at once. */
const PART_CONCURRENCY = 4;

/** An upload at the server, and what it has of it that need not be sent: the ETag of each such part, by its index. */
interface Upload {
  readonly name: UploadName;
  readonly kept: ReadonlyMap<number, string>;
  readonly isContinued: boolean;
}

/**
 * Sends the parts that the server does not have and then makes the object of all of them: before that nobody sees
 * anything, and afterwards everything. Where uploads of the key are gone on with, those that are there are looked
 * through for parts of just this size and checksum; else the upload is a new one.
 */
export async function putInParts(put: Put, signal: AbortSignal): Promise<StoredObject> {
  const upload = (await continueUpload(put, signal)) ?? (await beginUpload(put, signal));
  const unanswered = new Set<Piece>();
  try {
    const etags = await sendParts(put, upload, unanswered, signal);
    const output = await complete(put, upload.name, etags, signal);
    return await verify(put, output, signal);
  } catch (error) {
    if (upload.isContinued && isGone(error)) return putInParts(put, signal);
    if (put.left.covers(put.object.key) && isCutOff(error, signal)) await put.left.leave(upload.name);
    else await abandon(put, upload.name, unanswered.size > 0);
    throw error;
  }
}

async function beginUpload(put: Put, signal: AbortSignal): Promise<Upload> {
  const command = new CreateMultipartUploadCommand({ Bucket: put.bucket, Key: put.object.key });
  const { UploadId } = await put.client.send(command, { abortSignal: signal });
  if (UploadId === undefined) throw new Error("The answer has no upload id.");
  return {
    name: { Bucket: put.bucket, Key: put.object.key, UploadId },
    kept: new Map<number, string>(),
    isContinued: false,
  };
}

/** The unfinished upload of this key with the most of this content; the others, which nobody will go on with, are aborted. */
async function continueUpload(put: Put, signal: AbortSignal): Promise<Upload | null> {
  const { key } = put.object;
  const what = `look for unfinished uploads of '${key}'`;
  const ask = async <T>(call: () => Promise<T>): Promise<T> =>
    put.retrier.run(what, async () => translated(put, signal, call), signal);
  let best: Upload | null = null;
  try {
    for (const name of await ask(async () => put.left.take(key, signal))) {
      const kept = matchParts(put, await ask(async () => listParts(put.client, name, signal)));
      const isBetter = kept.size > (best?.kept.size ?? 0);
      const worse = isBetter ? best?.name : name;
      if (isBetter) best = { name, kept, isContinued: true };
      if (worse !== undefined) await abandon(put, worse, false);
    }
  } catch (error) {
    if (!(error instanceof RemoteError) || error.retryable) throw error;
    // A store that does not tell what it has, or no longer has it: what is missing is sent, be it all.
  }
  return best;
}

/** Only what is the very part that would be sent. A store whose ETags are no checksums gets every part again. */
function matchParts(
  put: Put,
  parts: ReadonlyMap<number, { readonly sizeBytes: number; readonly etag: string }>,
): Map<number, string> {
  const kept = new Map<number, string>();
  for (const { index, start, end } of put.plan) {
    const part = parts.get(index + 1);
    if (part?.sizeBytes === end - start && part.etag === put.md5s[index]?.toString("hex")) kept.set(index, part.etag);
  }
  return kept;
}

/** Adds to `unanswered` each part that the server may have although it never said so. */
async function sendParts(
  put: Put,
  { name, kept }: Upload,
  unanswered: Set<Piece>,
  signal: AbortSignal,
): Promise<(string | undefined)[]> {
  const etags: (string | undefined)[] = put.plan.map(({ index }) => kept.get(index));
  const sendPart = async (part: Piece, aborted: AbortSignal): Promise<void> => {
    const output = await sendRange(put, part, aborted, async (body, either) => {
      const input = { ...name, PartNumber: part.index + 1, ...body };
      return put.client.send(new UploadPartCommand(input), { abortSignal: either }).catch((error: unknown) => {
        if (!(error instanceof S3ServiceException)) unanswered.add(part);
        throw error;
      });
    });
    etags[part.index] = output.ETag;
  };
  const work = async (part: Piece, aborted: AbortSignal): Promise<void> => {
    const what = `put part ${part.index + 1} of '${put.object.key}'`;
    await put.retrier.run(what, async () => translated(put, aborted, async () => sendPart(part, aborted)), aborted);
  };
  const missing = async function* (): AsyncGenerator<Piece> {
    yield* put.plan.filter(({ index }) => !kept.has(index));
  };
  await forEachConcurrently(missing, PART_CONCURRENCY, work, signal);
  return etags;
}

/** Repeatable: when an answer was lost, the upload is gone and the object is there. */
async function complete(
  put: Put,
  name: UploadName,
  etags: readonly (string | undefined)[],
  signal: AbortSignal,
): Promise<Receipt> {
  const { key, etag, sizeBytes } = put.object;
  const MultipartUpload = { Parts: etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 })) };
  const command = new CompleteMultipartUploadCommand({ ...name, MultipartUpload });
  const attempt = async (): Promise<Receipt> => {
    try {
      return await translated(put, signal, async () => put.client.send(command, { abortSignal: signal }));
    } catch (error) {
      const now = await put.head(key, signal).catch(() => undefined); // The first error tells more than this one.
      if (now?.etag === etag && now.sizeBytes === sizeBytes) return { ETag: etag };
      throw error;
    }
  };
  return put.retrier.run(`complete '${key}'`, attempt, signal);
}

/** The upload was there a moment ago: a store may forget what is old, or have made the object of it. */
function isGone(error: unknown): boolean {
  return error instanceof RemoteError && error.reason === "invalid" && error.status === 404;
}

/**
 * Only ever an upload of this run's own. What the server keeps of it otherwise costs its owner money, and S3 may keep a
 * part that was under way while it forgot the upload: then it has to be told once more.
 */
async function abandon(put: Put, name: UploadName, mayLandLate: boolean): Promise<void> {
  const command = new AbortMultipartUploadCommand(name);
  const abortSignal = AbortSignal.timeout(ABANDON_MS);
  try {
    await put.client.send(command, { abortSignal });
    if (!mayLandLate) return;
    await put.clock.sleep(LANDING_MS, abortSignal);
    await put.client.send(command, { abortSignal });
  } catch {
    // The trouble that led here is what the caller needs to know; the store's own clean-up takes the parts.
  }
}
