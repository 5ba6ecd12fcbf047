import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { Content, StoredObject } from "../datastore.ts";
import { RemoteError } from "../remote-error.ts";
import { answeredEtag, unmarked } from "./etag.ts";
import type { HttpAnswer } from "../http-client.ts";
import { translateOutcome, translateTrouble } from "./swift-errors.ts";
import type { SwiftRequest, SwiftSession } from "./swift-session.ts";

/** One object on its way up. */
export interface Upload {
  readonly session: SwiftSession;
  readonly bucket: string;
  /** The object for people: `Object 'x' of bucket 'y' at https://example.org`. */
  readonly name: string;
  readonly content: Content;
  /** As it will be. */
  readonly object: StoredObject & { readonly etag: string };
}

/** The content from `start` up to `end` (not included) under a path; the store compares it with the MD5. */
export async function deliverBytes(
  upload: Upload,
  path: string,
  md5: string,
  range: { readonly start: number; readonly end: number },
  signal: AbortSignal,
): Promise<void> {
  requireStored(upload, await sendBytes(upload, path, md5, range, signal), md5);
}

/** As `deliverBytes`, but whatever is answered is the caller's to judge: what it throws means that no answer came. */
export async function sendBytes(
  upload: Upload,
  path: string,
  md5: string,
  range: { readonly start: number; readonly end: number },
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const headers = { etag: md5, ...contentHeaders(range.end - range.start) };
  const body = (): Uint8Array | Readable => bodyOf(upload.content, range.start, range.end);
  return send(upload, { method: "PUT", path, headers, body }, signal);
}

/** The answer, with nothing left to read. Throws `RemoteError`, or the signal's reason. */
export async function send(upload: Upload, request: SwiftRequest, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    const answer = await upload.session.send(request, signal);
    await answer.discard();
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    throw translateTrouble(error, `${upload.name} cannot be put`);
  }
}

/** What arrived was taken: the store says 201 and names the checksum that was expected. */
export function requireStored(upload: Upload, answer: HttpAnswer, etag: string): void {
  const what = `${upload.name} cannot be put`;
  if (answer.status === 404) throw bucketMissing(upload);
  if (answer.status !== 201) throw translateOutcome(answer, what);
  const stored = answeredEtag(answer);
  if (stored !== null && unmarked(stored) === unmarked(etag)) return;
  throw new RemoteError("corrupted", `${what}: the store holds other bytes than were sent.`, { retryable: true });
}

export function bucketMissing(upload: Upload): RemoteError {
  const message = `${upload.name} cannot be put: the bucket does not exist.`;
  return new RemoteError("bucket_missing", message, { retryable: false, status: 404 });
}

export function contentHeaders(sizeBytes: number): Record<string, string> {
  return { "content-length": String(sizeBytes), "content-type": "application/octet-stream" };
}

function bodyOf(content: Content, start: number, end: number): Uint8Array | Readable {
  if (content.kind === "bytes") return content.bytes.subarray(start, end);
  if (start === end) return new Uint8Array();
  return createReadStream(content.path, { start, end: end - 1, highWaterMark: 256 * 1024 });
}
