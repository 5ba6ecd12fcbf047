import { createHash } from "node:crypto";

/** What S3 calls an object that was put in parts: the MD5 of the parts' MD5s, and how many there were. */
export function multipartEtag(partMd5s: readonly Buffer[]): string {
  return `${createHash("md5").update(Buffer.concat(partMd5s)).digest("hex")}-${partMd5s.length}`;
}
