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
 * so that no two have one in common and what one of them leaves behind can be deleted without harm to another.
 */
export function segmentsPrefix(key: string, uploadId: string): string {
  const shown = Buffer.from(key).subarray(0, MAX_KEY_BYTES).toString("utf8");
  return `${shown}/${uploadId}/`;
}

export function segmentKey(prefix: string, index: number): string {
  return prefix + String(index).padStart(6, "0");
}
