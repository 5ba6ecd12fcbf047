import type { Clock } from "../../base/clock.ts";
import type { Content, StoredObject } from "../datastore.ts";
import { isThere, type Looking, planPut } from "../look-before-put.ts";
import { deliverBytes } from "./delivery.ts";
import { segmentsEtag } from "./etag.ts";
import type { LeftSegments } from "./left-segments.ts";
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
  readonly left: LeftSegments;
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
  known?: StoredObject | null,
): Promise<StoredObject> {
  const cut = { pieceBytes: parts.segmentBytes, most: MAX_SEGMENTS, joinedEtag: segmentsEtag };
  const { object, plan, md5s } = await planPut(key, content, cut, signal);
  const listed = object.sizeBytes < WORTH_LOOKING_BYTES ? (known ?? null) : known;
  if (await isThere(parts, object, listed, signal)) return object;
  const upload = { ...parts, content, object };
  if (plan.length === 1) {
    const whole = { start: 0, end: object.sizeBytes };
    await deliverBytes(upload, objectPath(parts.bucket, key), object.etag, whole, signal);
  } else {
    await putInSegments(upload, plan, md5s, signal);
  }
  return object;
}
