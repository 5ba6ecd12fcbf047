import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { open, rm } from "../base/world-files.ts";
import { randomText } from "../base/random-text.ts";
import { archiveTooLarge, diskFull } from "../domain/errors.ts";
import { formatBytes } from "../base/byte-size.ts";

/** Written in pieces of this size, so that a usual model definition costs one write. */
const PIECE_BYTES = 262_144;

export interface UploadedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * Streams an upload into a new file that only we can read, and syncs it. Nothing stays behind when it fails, and the
 * source is left open, so that the refusal can still be sent on its connection.
 */
export async function storeUpload(source: Readable, directory: string, limitBytes: number): Promise<UploadedFile> {
  const path = join(directory, `upload-${randomText(20)}.zip`);
  const handle = await open(path, "wx", 0o600).catch(writeTrouble);
  try {
    const facts = await writeAll(source, handle, limitBytes);
    await handle.datasync().catch(writeTrouble);
    await handle.close();
    return { path, ...facts };
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
}

async function writeAll(
  source: Readable,
  handle: FileHandle,
  limitBytes: number,
): Promise<Pick<UploadedFile, "sizeBytes" | "sha256">> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let piece: Buffer[] = [];
  let pieceBytes = 0;
  const flush = async (): Promise<void> => {
    if (pieceBytes > 0) await handle.writev(piece).catch(writeTrouble);
    piece = [];
    pieceBytes = 0;
  };
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw definitionTooLarge(limitBytes);
    hash.update(chunk);
    piece.push(chunk);
    pieceBytes += chunk.length;
    if (pieceBytes >= PIECE_BYTES) await flush();
  }
  await flush();
  return { sizeBytes, sha256: hash.digest("hex") };
}

export function definitionTooLarge(limitBytes: number): Error {
  return archiveTooLarge(
    `it has more than ${formatBytes(limitBytes)}`,
    "Leave data and checkpoints out of the ZIP and put them into the data bucket, or ask the operator to raise the limit.",
  );
}

function writeTrouble(error: NodeJS.ErrnoException): never {
  if (error.code === "ENOSPC" || error.code === "EDQUOT") throw diskFull("the model definition", error);
  throw error;
}
