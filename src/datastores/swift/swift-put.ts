import { md5Of, sizeOf } from "../content.ts";
import type { Content, StoredObject } from "../datastore.ts";
import { RemoteError } from "../remote-error.ts";
import type { Retrier } from "../retry.ts";
import { deliverBytes } from "./delivery.ts";
import { segmentsEtag } from "./etag.ts";
import { objectPath } from "./object-path.ts";
import { putInSegments } from "./segmented-put.ts";
import { planSegments } from "./segments.ts";
import type { SwiftSession } from "./swift-session.ts";

/** To send less than this is no more work than to ask whether it is there already. */
const WORTH_LOOKING_BYTES = 64 * 1024;

export interface PutParts {
  readonly session: SwiftSession;
  readonly bucket: string;
  /** The object for people: `Object 'x' of bucket 'y' at https://example.org`. */
  readonly name: string;
  readonly segmentBytes: number;
  readonly retrier: Retrier;
  readonly head: (key: string, signal: AbortSignal) => Promise<StoredObject | undefined>;
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
  const plan = planSegments(sizeOf(content), parts.segmentBytes);
  const md5s: Buffer[] = [];
  for (const { start, end } of plan) md5s.push(await md5Of(content, signal, start, end));
  const [first] = md5s;
  const isWhole = plan.length === 1 && first !== undefined;
  const etag = isWhole ? first.toString("hex") : segmentsEtag(md5s);
  const object = { key, sizeBytes: sizeOf(content), etag };
  const present = object.sizeBytes < WORTH_LOOKING_BYTES ? undefined : await lookUp(parts, key, signal);
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

/** Who may write but not look cannot be spared the upload. */
async function lookUp(parts: PutParts, key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
  try {
    return await parts.retrier.run(`look up '${key}'`, async () => parts.head(key, signal), signal);
  } catch (error) {
    if (error instanceof RemoteError && error.status === 403) return undefined;
    throw error;
  }
}
