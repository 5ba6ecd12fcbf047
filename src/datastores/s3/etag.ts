import { createHash } from "node:crypto";

/** Without the quotes that HTTP wants and some servers forget. */
export function plainEtag(etag: string | undefined): string | null {
  return etag === undefined ? null : etag.replace(/^"|"$/g, "");
}

/** What S3 calls an object that was put in parts: the MD5 of the parts' MD5s, and how many there were. */
export function multipartEtag(partMd5s: readonly Buffer[]): string {
  return `${createHash("md5").update(Buffer.concat(partMd5s)).digest("hex")}-${partMd5s.length}`;
}

const MIB = 1024 * 1024;

/** The most parts that S3 takes. */
const MAX_PARTS = 10_000;

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  /** Not included. */
  readonly end: number;
}

/** How an object is cut. A function of the size alone, so that the same content has the same ETag next time. */
export function planParts(sizeBytes: number, partBytes: number): Part[] {
  const least = Math.ceil(sizeBytes / MAX_PARTS / MIB) * MIB;
  const each = Math.max(partBytes, least);
  return Array.from({ length: Math.max(1, Math.ceil(sizeBytes / each)) }, (_, index) => ({
    number: index + 1,
    start: index * each,
    end: Math.min(sizeBytes, (index + 1) * each),
  }));
}
