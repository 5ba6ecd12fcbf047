import type { Clock } from "../../base/clock.ts";
import { md5sOf, sizeOf } from "../content.ts";
import type { Content, StoredObject } from "../datastore.ts";
import { lookBeforePut, type Looking } from "../look-before-put.ts";
import { planPieces } from "../plan-pieces.ts";
import { deliverBytes } from "./delivery.ts";
import { segmentsEtag } from "./etag.ts";
import { objectPath } from "./object-path.ts";
import { putInSegments } from "./segmented-put.ts";
import { MAX_SEGMENTS } from "./segments.ts";
import type { SwiftSession } from "./swift-session.ts";

/** To send less than this is no more work than to ask whether it is there already. */
const WORTH_LOOKING_BYTES = 64 * 1024;

export interface PutParts extends Looking {
  readonly session: SwiftSession;
  readonly bucket: string;
  /** The object for people: `Object 'x' of bucket 'y' at https://example.org`. */
  readonly name: string;
  readonly segmentBytes: number;
  readonly clock: Clock;
}

/**
 * Reads the content twice: once for its checksums, which the store then holds every request to (ETag), and once to send
 * it. Nothing large is sent when it is there already.
 */
export async function putContent(
  parts: PutParts,
  key: string,
  content: Content,
  signal: AbortSignal,
): Promise<StoredObject> {
  const plan = planPieces(sizeOf(content), parts.segmentBytes, MAX_SEGMENTS);
  const md5s = await md5sOf(content, plan, signal);
  const [first] = md5s;
  const isWhole = plan.length === 1 && first !== undefined;
  const etag = isWhole ? first.toString("hex") : segmentsEtag(md5s);
  const object = { key, sizeBytes: sizeOf(content), etag };
  const present = object.sizeBytes < WORTH_LOOKING_BYTES ? undefined : await lookBeforePut(parts, key, signal);
  if (present?.sizeBytes === object.sizeBytes && present.etag === etag) return present;
  const upload = { ...parts, content, object };
  if (isWhole) {
    const whole = { start: 0, end: object.sizeBytes };
    await deliverBytes(upload, objectPath(parts.bucket, key), etag, whole, signal);
  } else {
    await putInSegments(upload, plan, md5s, signal);
  }
  return object;
}
