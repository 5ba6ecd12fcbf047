import { createHash } from "node:crypto";
import { constants, type FileHandle, open } from "node:fs/promises";
import type { Content } from "./datastore.ts";
import { codeOf } from "./file-trouble.ts";
import type { Piece } from "./plan-pieces.ts";
import { RemoteError } from "./remote-error.ts";

const CHUNK_BYTES = 1024 * 1024;

export function sizeOf(content: Content): number {
  return content.kind === "file" ? content.sizeBytes : content.bytes.byteLength;
}

/**
 * The content from `start` up to `end` (not included), a piece at a time; a piece is valid until the next one is
 * asked for. A file that is a link, or whose size is not the one that was promised, is refused: what would arrive
 * in the store would be neither the old file nor the new one.
 */
export async function* readContent(
  content: Content,
  signal: AbortSignal,
  start = 0,
  end = sizeOf(content),
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  if (content.kind === "bytes") {
    yield content.bytes.subarray(start, end);
    return;
  }
  await using file = await openSource(content.path);
  const { size } = await file.stat();
  if (size !== content.sizeBytes) throw changedMeanwhile(content.path);
  const pieces = readPieces(file, start, end, signal);
  for (let position = start; position < end;) {
    const { value: piece } = await pieces.next().catch((error: unknown) => {
      signal.throwIfAborted();
      throw new UnreadableFile(content.path, `cannot be read to be stored (${codeOf(error)})`, error);
    });
    if (piece === undefined) throw changedMeanwhile(content.path);
    position += piece.byteLength;
    yield piece;
  }
}

/** The bytes of an open file up to `end` or its own end; a piece is valid until the next one is asked for. */
export async function* readPieces(
  file: FileHandle,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, end - start)));
  for (let position = start; position < end;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - position), position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

export async function md5Of(content: Content, signal: AbortSignal, start = 0, end = sizeOf(content)): Promise<Buffer> {
  const hash = createHash("md5");
  for await (const piece of readContent(content, signal, start, end)) hash.update(piece);
  return hash.digest();
}

/** The MD5 of each piece in turn. */
export async function md5sOf(content: Content, pieces: readonly Piece[], signal: AbortSignal): Promise<Buffer[]> {
  const md5s: Buffer[] = [];
  for (const { start, end } of pieces) md5s.push(await md5Of(content, signal, start, end));
  return md5s;
}

/**
 * Trouble with the file at the near end, which says nothing about the store: other files may well go up. A RemoteError
 * of reason `invalid`, never `denied` or `object_missing`, which would speak of the store.
 */
export class UnreadableFile extends RemoteError {
  /** Continues the sentence "the file ...". */
  readonly fact: string;

  constructor(path: string, fact: string, cause?: unknown) {
    super("invalid", `The file '${path}' ${fact}.`, { retryable: false, cause });
    this.fact = fact;
  }
}

async function openSource(path: string) {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw new UnreadableFile(path, `cannot be read to be stored (${codeOf(error)})`, error);
  }
}

function changedMeanwhile(path: string): UnreadableFile {
  return new UnreadableFile(path, "changed while it was being copied to the store");
}
