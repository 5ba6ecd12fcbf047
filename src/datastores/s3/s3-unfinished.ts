import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { plainEtag } from "../etag.ts";

/** One upload in parts, as every request about it names it. */
export interface UploadName {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** The uploads in parts that were begun below a prefix and never completed. Nobody sees their parts, and their owner pays for them. */
async function* listUploads(
  client: S3Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<UploadName> {
  const options = { abortSignal: signal };
  let position: { readonly KeyMarker?: string; readonly UploadIdMarker?: string | undefined } = {};
  for (;;) {
    // Not asked to encode the keys: Ceph then encodes them without saying so, and its markers not at all.
    const input = { Bucket: bucket, Prefix: prefix, ...position };
    const page = await client.send(new ListMultipartUploadsCommand(input), options);
    for (const { Key, UploadId } of page.Uploads ?? []) {
      // Looked at again: a store that did not understand the prefix would name everybody's.
      if (Key?.startsWith(prefix) === true && UploadId !== undefined) yield { Bucket: bucket, Key, UploadId };
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    if (IsTruncated !== true || NextKeyMarker === undefined) return;
    const next = { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker };
    // A store that does not move on would be asked for ever.
    if (next.KeyMarker === position.KeyMarker && next.UploadIdMarker === position.UploadIdMarker) return;
    position = next;
  }
}

export async function abortUploads(
  client: S3Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
): Promise<void> {
  for await (const upload of listUploads(client, bucket, prefix, signal)) {
    await client.send(new AbortMultipartUploadCommand(upload), { abortSignal: signal });
  }
}

export interface LeftPart {
  readonly sizeBytes: number;
  readonly etag: string;
}

/** The parts that the server has of an upload, by number (from 1). */
export async function listParts(
  client: S3Client,
  upload: UploadName,
  signal: AbortSignal,
): Promise<Map<number, LeftPart>> {
  const parts = new Map<number, LeftPart>();
  let marker: string | undefined;
  for (;;) {
    const page = await client.send(new ListPartsCommand({ ...upload, PartNumberMarker: marker }), {
      abortSignal: signal,
    });
    for (const { PartNumber, Size, ETag } of page.Parts ?? []) {
      if (PartNumber !== undefined && Size !== undefined) {
        parts.set(PartNumber, { sizeBytes: Size, etag: plainEtag(ETag) ?? "" });
      }
    }
    const next = page.NextPartNumberMarker;
    if (page.IsTruncated !== true || next === undefined || next === marker) return parts;
    marker = next;
  }
}

/** What a store knows of uploads to go on with below one prefix. It asks once, when the first large content comes. */
export class LeftUploads {
  readonly #client: S3Client;
  readonly #bucket: string;
  #prefix: string | null = null;
  #found: Promise<Map<string, UploadName[]>> | null = null;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  continueBelow(prefix: string): void {
    this.#prefix = prefix;
    this.#found = null;
  }

  /** Whether uploads of this key are gone on with. */
  covers(key: string): boolean {
    return this.#prefix !== null && key.startsWith(this.#prefix);
  }

  /** The uploads of exactly this key, which are then the caller's. Rejects when the store cannot be asked. */
  async take(key: string, signal: AbortSignal): Promise<readonly UploadName[]> {
    if (this.#prefix === null || !this.covers(key)) return [];
    const asking = (this.#found ??= this.#find(this.#prefix, signal));
    try {
      const found = await asking;
      const mine = found.get(key) ?? [];
      found.delete(key);
      return mine;
    } catch (error) {
      if (this.#found === asking) this.#found = null;
      throw error;
    }
  }

  /** Gives an upload back for the next put of its key. */
  async leave(upload: UploadName): Promise<void> {
    const found = await this.#found?.catch(() => null); // Asked anew next time, and then it is found.
    found?.set(upload.Key, [...(found.get(upload.Key) ?? []), upload]);
  }

  async #find(prefix: string, signal: AbortSignal): Promise<Map<string, UploadName[]>> {
    const found = new Map<string, UploadName[]>();
    for await (const upload of listUploads(this.#client, this.#bucket, prefix, signal)) {
      found.set(upload.Key, [...(found.get(upload.Key) ?? []), upload]);
    }
    return found;
  }
}
