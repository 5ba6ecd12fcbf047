import { createHash, hash } from "node:crypto";
import type { StoredObject } from "./datastore.ts";

const MIB = 1024 * 1024;

/** Part sizes of the tools that people use (aws, s3cmd, rclone, s5cmd, boto3, this service), the commonest first. */
const USUAL_PART_MIB = [8, 16, 5, 15, 64, 10, 25, 32, 50, 100, 128, 200, 256, 512, 1024];

/** How an object's ETag can be computed from its bytes, if at all. */
export type ContentProof =
  | { readonly kind: "none" }
  /** The MD5 of all bytes. */
  | { readonly kind: "whole"; readonly etag: string }
  /** `md5-of-md5s-N` of an upload in parts. Their size is a guess: that the bytes do not fit proves nothing. */
  | { readonly kind: "parts"; readonly etag: string; readonly partBytes: number };

const NONE: ContentProof = { kind: "none" };

/** What the ETag of a listing proves, where its form says that it was made from the bytes. */
export function proofOf(object: StoredObject): ContentProof {
  const etag = object.etag ?? "";
  if (/^[0-9a-f]{32}$/.test(etag)) return { kind: "whole", etag };
  const parts = Number(/^[0-9a-f]{32}-([1-9]\d{0,4})$/.exec(etag)?.[1]);
  if (Number.isNaN(parts) || object.sizeBytes === 0) return NONE;
  const partBytes = guessPartBytes(object.sizeBytes, parts);
  return partBytes === null ? NONE : { kind: "parts", etag, partBytes };
}

/**
 * The size of all parts but the last, when there were `parts` of them: a usual one that fits, else the least number of
 * MiB that does, else nothing. S3 asks for equal parts of nobody, but every tool makes them so.
 */
export function guessPartBytes(sizeBytes: number, parts: number): number | null {
  if (parts === 1) return sizeBytes;
  const fits = (mib: number): boolean => Math.ceil(sizeBytes / (mib * MIB)) === parts;
  const mib = USUAL_PART_MIB.find(fits) ?? Math.ceil(sizeBytes / parts / MIB);
  return fits(mib) ? mib * MIB : null;
}

/** The ETag that the bytes have under this proof. */
export function etagOfBytes(proof: ContentProof, bytes: Buffer): string | null {
  if (proof.kind === "none") return null;
  if (proof.kind === "whole") return hash("md5", bytes, "hex");
  const builder = new EtagBuilder(proof.partBytes);
  builder.update(bytes);
  return builder.digest();
}

/** Computes an ETag from bytes that come in order. */
export class EtagBuilder {
  readonly #partBytes: number | null;
  readonly #partMd5s: Buffer[] = [];
  #md5 = createHash("md5");
  #inPart = 0;

  /** Null for the MD5 of the whole. */
  constructor(partBytes: number | null) {
    this.#partBytes = partBytes;
  }

  update(bytes: Uint8Array): void {
    if (this.#partBytes === null) return void this.#md5.update(bytes);
    for (let at = 0; at < bytes.length;) {
      const until = Math.min(bytes.length, at + this.#partBytes - this.#inPart);
      this.#md5.update(bytes.subarray(at, until));
      this.#inPart += until - at;
      at = until;
      if (this.#inPart === this.#partBytes) this.#endPart();
    }
  }

  digest(): string {
    if (this.#partBytes === null) return this.#md5.digest("hex");
    if (this.#inPart > 0) this.#endPart();
    return `${hash("md5", Buffer.concat(this.#partMd5s), "hex")}-${this.#partMd5s.length}`;
  }

  #endPart(): void {
    this.#partMd5s.push(this.#md5.digest());
    this.#md5 = createHash("md5");
    this.#inPart = 0;
  }
}
