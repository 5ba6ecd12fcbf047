import { createReadStream, type ReadStream } from "node:fs";
import { finished } from "node:stream/promises";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { systemClock } from "../../base/clock.ts";
import { forEachConcurrently } from "../concurrently.ts";
import { md5sOf, sizeOf } from "../content.ts";
import type { Content, StoredObject } from "../datastore.ts";
import { plainEtag } from "../etag.ts";
import { codeOf } from "../file-trouble.ts";
import { lookBeforePut, type Looking } from "../look-before-put.ts";
import { type Piece, planPieces } from "../plan-pieces.ts";
import { RemoteError } from "../remote-error.ts";
import { multipartEtag } from "./etag.ts";
import { translateS3Error } from "./s3-errors.ts";

/** Parts of one object under way at once. */
const PART_CONCURRENCY = 4;

/** How long a failed upload waits for the server to forget its parts. */
const ABANDON_MS = 10_000;

/** How long a store may take to keep a part that had wholly arrived when the request for it was given up. */
const LANDING_MS = 1000;

/** The most parts that S3 takes. */
const MAX_PARTS = 10_000;

/** `retrier` repeats each request of several, so that a broken one does not cost those that succeeded. */
export interface PutParts extends Looking {
  readonly client: S3Client;
  readonly bucket: string;
  /** `Object 'x' of bucket 'y' at https://...`. */
  readonly name: string;
  readonly partBytes: number;
}

/**
 * Puts content that is read twice: once for its checksums, which the server then holds every request to
 * (Content-MD5), and once to send it. Nothing is sent when the object is there already.
 */
export async function putContent(
  parts: PutParts,
  key: string,
  content: Content,
  signal: AbortSignal,
): Promise<StoredObject> {
  const plan = planPieces(sizeOf(content), parts.partBytes, MAX_PARTS);
  const md5s = await md5sOf(content, plan, signal);
  const [first] = md5s;
  const expected = plan.length === 1 && first !== undefined ? first.toString("hex") : multipartEtag(md5s);
  const present = await lookBeforePut(parts, key, signal);
  if (present?.sizeBytes === sizeOf(content) && present.etag === expected) return present;
  const put: Put = { ...parts, key, content, expected, plan, md5s };
  return plan.length === 1 ? putWhole(put, signal) : putInParts(put, signal);
}

interface Put extends PutParts {
  readonly key: string;
  readonly content: Content;
  /** The ETag of a store that makes them of MD5s. */
  readonly expected: string;
  readonly plan: readonly Piece[];
  readonly md5s: readonly Buffer[];
}

async function putWhole(put: Put, signal: AbortSignal): Promise<StoredObject> {
  const [part] = put.plan;
  if (part === undefined) throw new Error("A plan has at least one part.");
  const input = { Bucket: put.bucket, Key: put.key };
  const output = await send(put, part, signal, async (body, aborted) =>
    put.client.send(new PutObjectCommand({ ...input, ...body }), { abortSignal: aborted }),
  );
  return verify(put, output, signal);
}

async function putInParts(put: Put, signal: AbortSignal): Promise<StoredObject> {
  const input = { Bucket: put.bucket, Key: put.key };
  const created = await put.client.send(new CreateMultipartUploadCommand(input), { abortSignal: signal });
  if (created.UploadId === undefined) throw new Error("The answer has no upload id.");
  const upload = { ...input, UploadId: created.UploadId };
  const unanswered = new Set<Piece>();
  try {
    const etags = await sendParts(put, upload, unanswered, signal);
    const output = await complete(put, upload, etags, signal);
    return await verify(put, output, signal);
  } catch (error) {
    await abandon(put, upload, unanswered.size > 0);
    throw error;
  }
}

interface UploadInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** Adds to `unanswered` each part that the server may have although it never said so. */
async function sendParts(
  put: Put,
  upload: UploadInput,
  unanswered: Set<Piece>,
  signal: AbortSignal,
): Promise<(string | undefined)[]> {
  const etags: (string | undefined)[] = [];
  const sendPart = async (part: Piece, aborted: AbortSignal): Promise<void> => {
    const output = await send(put, part, aborted, async (body, either) => {
      const input = { ...upload, PartNumber: part.index + 1, ...body };
      return put.client.send(new UploadPartCommand(input), { abortSignal: either }).catch((error: unknown) => {
        if (!(error instanceof S3ServiceException)) unanswered.add(part);
        throw error;
      });
    });
    etags[part.index] = output.ETag;
  };
  const work = async (part: Piece, aborted: AbortSignal): Promise<void> => {
    const what = `put part ${part.index + 1} of '${put.key}'`;
    await put.retrier.run(what, async () => translated(put, aborted, async () => sendPart(part, aborted)), aborted);
  };
  const plan = async function* (): AsyncGenerator<Piece> {
    yield* put.plan;
  };
  await forEachConcurrently(plan, PART_CONCURRENCY, work, signal);
  return etags;
}

/** Repeatable: when an answer was lost, the upload is gone and the object is there. */
async function complete(
  put: Put,
  upload: UploadInput,
  etags: readonly (string | undefined)[],
  signal: AbortSignal,
): Promise<Receipt> {
  const MultipartUpload = { Parts: etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 })) };
  const command = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload });
  const attempt = async (): Promise<Receipt> => {
    try {
      return await translated(put, signal, async () => put.client.send(command, { abortSignal: signal }));
    } catch (error) {
      const now = await put.head(put.key, signal).catch(() => undefined); // The first error tells more than this one.
      if (now?.etag === put.expected && now.sizeBytes === sizeOf(put.content)) return { ETag: put.expected };
      throw error;
    }
  };
  return put.retrier.run(`complete '${put.key}'`, attempt, signal);
}

/**
 * Only ever this upload, whose id nobody else has. What the server keeps of it otherwise costs its owner money, and S3
 * may keep a part that was under way while it forgot the upload: then it has to be told once more.
 */
async function abandon(put: Put, upload: UploadInput, mayLandLate: boolean): Promise<void> {
  const command = new AbortMultipartUploadCommand(upload);
  const abortSignal = AbortSignal.timeout(ABANDON_MS);
  try {
    await put.client.send(command, { abortSignal });
    if (!mayLandLate) return;
    await systemClock.sleep(LANDING_MS, abortSignal);
    await put.client.send(command, { abortSignal });
  } catch {
    // The trouble that led here is what the caller needs to know; the store's own clean-up takes the parts.
  }
}

interface Receipt {
  readonly ETag?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/** Stores that encrypt with keys of their own give ETags that are no checksums; there the size decides. */
async function verify(put: Put, receipt: Receipt, signal: AbortSignal): Promise<StoredObject> {
  const etag = plainEtag(receipt.ETag);
  const sizeBytes = sizeOf(put.content);
  if (etag === put.expected) return { key: put.key, sizeBytes, etag };
  const isOpaque =
    receipt.SSECustomerAlgorithm !== undefined ||
    (receipt.ServerSideEncryption ?? "AES256") !== "AES256" ||
    !/^[0-9a-f]{32}(-\d+)?$/.test(etag ?? "");
  const now = isOpaque ? await put.head(put.key, signal) : undefined;
  if (now?.sizeBytes === sizeBytes) return now;
  const fact = isOpaque ? `has ${now?.sizeBytes ?? 0} bytes instead of ${sizeBytes}` : "has another checksum";
  throw new RemoteError("corrupted", `${put.name} ${fact} in the store than what was sent.`, { retryable: true });
}

interface Body {
  readonly Body: ReadStream | Uint8Array;
  readonly ContentLength: number;
  readonly ContentMD5: string;
}

/** Hands one range of the content to a request, as a stream when it is a file, and lets go of the file afterwards. */
async function send<T>(
  put: Put,
  part: Piece,
  signal: AbortSignal,
  request: (body: Body, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const facts = {
    ContentLength: part.end - part.start,
    ContentMD5: put.md5s[part.index]?.toString("base64") ?? "",
  };
  if (put.content.kind === "bytes") {
    return request({ Body: put.content.bytes.subarray(part.start, part.end), ...facts }, signal);
  }
  if (facts.ContentLength === 0) return request({ Body: new Uint8Array(), ...facts }, signal);
  const file = createReadStream(put.content.path, { start: part.start, end: part.end - 1, highWaterMark: 256 * 1024 });
  const failing = new AbortController();
  // The SDK does not watch the stream: without this, a file that cannot be read would hang the request.
  const watched = finished(file, { writable: false }).then(
    () => {
      if (file.bytesRead < facts.ContentLength) failing.abort(badFile(put, "became shorter while it was being sent"));
    },
    (error: unknown) => {
      // Closed before its end: the request was over, for reasons of its own.
      if (codeOf(error) === "ERR_STREAM_PREMATURE_CLOSE") return;
      failing.abort(badFile(put, `cannot be read (${codeOf(error)})`));
    },
  );
  try {
    return await request({ Body: file, ...facts }, AbortSignal.any([signal, failing.signal]));
  } catch (error) {
    signal.throwIfAborted();
    throw failing.signal.aborted ? failing.signal.reason : error;
  } finally {
    file.destroy();
    await watched;
  }
}

function badFile(put: Put, fact: string): RemoteError {
  return new RemoteError("invalid", `${put.name}: its file ${fact}.`, { retryable: false });
}

async function translated<T>(put: Put, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    signal.throwIfAborted();
    throw translateS3Error(error, `${put.name} cannot be put`);
  }
}
