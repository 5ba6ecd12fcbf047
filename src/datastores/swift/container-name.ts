/** How a sentence about a refused name ends. */
export const CONTAINER_NAME_RULE = "1 to 256 bytes without '/'";

/** Swift's only rules; names with colons, dots and blanks are in use. */
export function isContainerName(bucket: string): boolean {
  return bucket !== "" && !bucket.includes("/") && Buffer.byteLength(bucket) <= 256 && bucket.isWellFormed();
}
