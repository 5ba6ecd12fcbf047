import { createReadStream, type ReadStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Clock } from "../../base/clock.ts";
import { UnreadableFile } from "../content.ts";
import type { Content, StoredObject } from "../datastore.ts";
import { plainEtag } from "../etag.ts";
import { codeOf } from "../file-trouble.ts";
import type { Looking, PlannedPut } from "../look-before-put.ts";
import type { Piece } from "../plan-pieces.ts";
import { RemoteError } from "../remote-error.ts";
import { translateS3Error } from "./s3-errors.ts";
import type { LeftUploads } from "./s3-unfinished.ts";

/** `retrier` repeats each request of several, so that a broken one does not cost those that succeeded. */
export interface PutParts extends Looking {
  readonly client: S3Client;
  readonly bucket: string;
  /** `Object 'x' of bucket 'y' at https://...`. */
  readonly name: string;
  readonly partBytes: number;
  /** For the wait until what was given up has landed. */
  readonly clock: Clock;
  readonly left: LeftUploads;
}

/** One object on its way up; `object.etag` is that of a store that makes them of MD5s. */
export interface Put extends PutParts, PlannedPut {
  readonly content: Content;
}

interface Body {
  readonly Body: ReadStream | Uint8Array;
  readonly ContentLength: number;
  readonly ContentMD5: string;
}

/** Hands one range of the content to a request, as a stream when it is a file, and lets go of the file afterwards. */
export async function sendRange<T>(
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
  const { path } = put.content;
  const file = createReadStream(path, { start: part.start, end: part.end - 1, highWaterMark: 256 * 1024 });
  const failing = new AbortController();
  // The SDK does not watch the stream: without this, a file that cannot be read would hang the request.
  const watched = finished(file, { writable: false }).then(
    () => {
      const isShort = file.bytesRead < facts.ContentLength;
      if (isShort) failing.abort(new UnreadableFile(path, "became shorter while it was being sent"));
    },
    (error: unknown) => {
      // Closed before its end: the request was over, for reasons of its own.
      if (codeOf(error) === "ERR_STREAM_PREMATURE_CLOSE") return;
      failing.abort(new UnreadableFile(path, `cannot be read (${codeOf(error)})`, error));
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

export interface Receipt {
  readonly ETag?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/** Stores that encrypt with keys of their own give ETags that are no checksums; there the size decides. */
export async function verify(put: Put, receipt: Receipt, signal: AbortSignal): Promise<StoredObject> {
  const etag = plainEtag(receipt.ETag);
  const { object } = put;
  if (etag === object.etag) return object;
  const isOpaque =
    receipt.SSECustomerAlgorithm !== undefined ||
    (receipt.ServerSideEncryption ?? "AES256") !== "AES256" ||
    !/^[0-9a-f]{32}(-\d+)?$/.test(etag ?? "");
  const now = isOpaque ? await put.head(object.key, signal) : undefined;
  if (now?.sizeBytes === object.sizeBytes) return now;
  const fact = isOpaque ? `has ${now?.sizeBytes ?? 0} bytes instead of ${object.sizeBytes}` : "has another checksum";
  throw new RemoteError("corrupted", `${put.name} ${fact} in the store than what was sent.`, { retryable: true });
}

export async function translated<T>(put: Put, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    signal.throwIfAborted();
    throw translateS3Error(error, `${put.name} cannot be put`);
  }
}
