/** The most that a list of segments holds; the store's own default. */
export const MAX_SEGMENTS = 1000;

/** Where segments are kept: beside the bucket, as the field's other clients do it, so that they are no results. */
export function segmentsBucket(bucket: string): string {
  return `${bucket}_segments`;
}

/** Room for what follows the key in a name of at most 1,024 bytes. */
const MAX_KEY_BYTES = 900;

/**
 * What the names of one upload's segments begin with: the key, so that people see what they belong to, and the upload,
 * so that no two have one in common and what one of them leaves behind can be deleted without harm to another. Without
 * an upload: what those of the key have in common.
 */
export function segmentsPrefix(key: string, uploadId: string): string {
  const shown = Buffer.from(key).subarray(0, MAX_KEY_BYTES).toString("utf8");
  return uploadId === "" ? `${shown}/` : `${shown}/${uploadId}/`;
}

export function segmentKey(prefix: string, index: number): string {
  return prefix + String(index).padStart(6, "0");
}

const SEGMENT_NAME = /^(?<key>.+)\/(?<upload>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/(?<index>\d{6})$/s;

/**
 * What a segment's name tells; null for what others put there, and for a key too long to stand in its segments' names
 * whole, since then nobody can say which object it belongs to.
 */
export function splitSegmentName(name: string): { key: string; prefix: string; index: number } | null {
  const { key, upload, index } = SEGMENT_NAME.exec(name)?.groups ?? {};
  if (key === undefined || upload === undefined || Buffer.byteLength(key) >= MAX_KEY_BYTES) return null;
  return { key, prefix: segmentsPrefix(key, upload), index: Number(index) };
}
