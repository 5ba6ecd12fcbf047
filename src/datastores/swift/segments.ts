/** The most that a list of segments holds; the store's own default. */
const MAX_SEGMENTS = 1000;
const MIB = 1024 * 1024;

export interface Segment {
  /** From 0. */
  readonly index: number;
  readonly start: number;
  /** Not included. */
  readonly end: number;
}

/** How an object is cut. A function of the size alone, so that the same content has the same ETag next time. */
export function planSegments(sizeBytes: number, segmentBytes: number): Segment[] {
  const each = Math.max(segmentBytes, Math.ceil(sizeBytes / MAX_SEGMENTS / MIB) * MIB);
  return Array.from({ length: Math.max(1, Math.ceil(sizeBytes / each)) }, (_, index) => ({
    index,
    start: index * each,
    end: Math.min(sizeBytes, (index + 1) * each),
  }));
}

/** Where segments are kept: beside the bucket, as the field's other clients do it, so that they are no results. */
export function segmentsBucket(bucket: string): string {
  return `${bucket}_segments`;
}

/** Room for what follows the key in a name of at most 1,024 bytes. */
const MAX_KEY_BYTES = 900;

/**
 * What the names of one upload's segments begin with: the key, so that people see what they belong to, and the upload,
 * so that no two have one in common and what one of them leaves behind can be deleted without harm to another.
 */
export function segmentsPrefix(key: string, uploadId: string): string {
  const shown = Buffer.from(key).subarray(0, MAX_KEY_BYTES).toString("utf8");
  return `${shown}/${uploadId}/`;
}

export function segmentKey(prefix: string, index: number): string {
  return prefix + String(index).padStart(6, "0");
}
