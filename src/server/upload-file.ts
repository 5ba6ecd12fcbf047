import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { open, rm } from "../base/world-files.ts";
import { randomText } from "../base/random-text.ts";
import { type DefinitionContent, SMALL_DEFINITION_BYTES } from "../domain/definition-content.ts";
import { archiveTooLarge } from "../domain/archive-errors.ts";
import { diskFailing, diskFull } from "../domain/errors.ts";
import { formatBytes } from "../base/byte-size.ts";

/** Written in pieces of this size, so that a usual model definition costs one write. */
const PIECE_BYTES = 262_144;

export interface UploadedZip {
  readonly content: DefinitionContent;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Takes in an upload: a small one into memory, a larger one into a new file that only we can read, synced. Nothing
 * stays behind when it fails, and the source is left open, so that the refusal can still be sent on its connection.
 */
export async function storeUpload(source: Readable, directory: string, limitBytes: number): Promise<UploadedZip> {
  const path = join(directory, `upload-${randomText(20)}.zip`);
  let file: FileHandle | null = null;
  const write = async (pieces: readonly Buffer[]): Promise<void> => {
    file ??= await open(path, "wx", 0o600).catch(writeTrouble);
    await file.writev(pieces).catch(writeTrouble);
  };
  try {
    const { rest, sizeBytes, sha256 } = await takeIn(source, write, limitBytes);
    if (sizeBytes <= SMALL_DEFINITION_BYTES) return { content: { kind: "bytes", bytes: Buffer.concat(rest) }, sha256 };
    await write(rest);
    await sync(file);
    return { content: { kind: "file", path, sizeBytes }, sha256 };
  } catch (error) {
    await (file as FileHandle | null)?.close();
    await rm(path, { force: true });
    throw error;
  }
}

async function sync(file: FileHandle | null): Promise<void> {
  await file?.datasync().catch(writeTrouble);
  await file?.close();
}

/** Writes in pieces while they come; gives the `rest` that is left for the last one, all of it where it is small. */
async function takeIn(
  source: Readable,
  write: (pieces: readonly Buffer[]) => Promise<void>,
  limitBytes: number,
): Promise<{ readonly rest: readonly Buffer[]; readonly sizeBytes: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let piece: Buffer[] = [];
  let pieceBytes = 0;
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw definitionTooLarge(limitBytes);
    hash.update(chunk);
    piece.push(chunk);
    pieceBytes += chunk.length;
    if (pieceBytes < PIECE_BYTES) continue;
    await write(piece);
    piece = [];
    pieceBytes = 0;
  }
  return { rest: piece, sizeBytes, sha256: hash.digest("hex") };
}

export function definitionTooLarge(limitBytes: number): Error {
  return archiveTooLarge(
    `it has more than ${formatBytes(limitBytes)}`,
    "Leave data and checkpoints out of the ZIP and put them into the data bucket, or ask the operator to raise the limit.",
  );
}

function writeTrouble(error: NodeJS.ErrnoException): never {
  if (error.code === "ENOSPC" || error.code === "EDQUOT") throw diskFull("the model definition", error);
  if (error.code === "EIO" || error.code === "EROFS") throw diskFailing("the model definition", error.message, error);
  throw error;
}
