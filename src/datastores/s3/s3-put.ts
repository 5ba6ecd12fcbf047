import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { Content, StoredObject } from "../datastore.ts";
import { isThere, planPut } from "../look-before-put.ts";
import { multipartEtag } from "./etag.ts";
import { type Put, type PutParts, sendRange, verify } from "./s3-delivery.ts";
import { putInParts } from "./s3-multipart.ts";

/** The most parts that S3 takes. */
const MAX_PARTS = 10_000;

/**
 * Puts content that is read twice: once for its checksums, which the server then holds every request to
 * (Content-MD5), and once to send it. Nothing is sent when the object is there already.
 */
export async function putContent(
  parts: PutParts,
  key: string,
  content: Content,
  signal: AbortSignal,
  known?: StoredObject | null,
): Promise<StoredObject> {
  const cut = { pieceBytes: parts.partBytes, most: MAX_PARTS, joinedEtag: multipartEtag };
  const planned = await planPut(key, content, cut, signal);
  if (await isThere(parts, planned.object, known, signal)) return planned.object;
  const put: Put = { ...parts, ...planned, content };
  return planned.plan.length === 1 ? putWhole(put, signal) : putInParts(put, signal);
}

async function putWhole(put: Put, signal: AbortSignal): Promise<StoredObject> {
  const [part] = put.plan;
  if (part === undefined) throw new Error("A plan has at least one part.");
  const input = { Bucket: put.bucket, Key: put.object.key };
  const output = await sendRange(put, part, signal, async (body, aborted) =>
    put.client.send(new PutObjectCommand({ ...input, ...body }), { abortSignal: aborted }),
  );
  return verify(put, output, signal);
}
