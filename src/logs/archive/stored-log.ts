import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { openRegularFile } from "../log-file.ts";
import { decodeSeekTable, FOOTER_BYTES, seekTableBytes, type SeekTable } from "./seek-table.ts";

const decompress = promisify(zstdDecompress);

/** What the archive of a log is called, beside where the log was. */
export const ARCHIVE_ENDING = ".zst";

/** Of the content of each frame. A program can put what it likes in an archive's place: what has larger ones is none of ours. */
export const FRAME_BYTES = 262_144;
/** Room for what does not become smaller, beyond the bound of the zstd library. */
const MAX_COMPRESSED_BYTES = 2 * FRAME_BYTES;
/** For a log of 2 TB. */
const MAX_TABLE_BYTES = 64 * 1024 * 1024;

/** The bytes of a log, whatever they are stored as; as a file handle gives them. */
export interface LogBytes {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  stat(): Promise<{ readonly size: number }>;
  close(): Promise<void>;
}

/** A log to read, and its size: its file, or the archive of it. Null where there is neither. The caller closes it. */
export async function openStoredLog(path: string): Promise<{ handle: LogBytes; sizeBytes: number } | null> {
  // The file goes only after the archive has come, so who does not find it finds that.
  return (await openRegularFile(path)) ?? openArchive(`${path}${ARCHIVE_ENDING}`);
}

/** Null where there is none, or something that is none. */
export async function openArchive(path: string): Promise<{ handle: LogBytes; sizeBytes: number } | null> {
  const file = await openRegularFile(path);
  if (file === null) return null;
  try {
    const table = await readTable(file.handle, file.sizeBytes);
    if (table !== null) return { handle: new Archive(file.handle, table), sizeBytes: table.content.at(-1) ?? 0 };
  } catch (error) {
    await file.handle.close();
    throw error;
  }
  await file.handle.close();
  return null;
}

async function readTable(handle: FileHandle, fileBytes: number): Promise<SeekTable | null> {
  const footer = await readWhole(handle, Math.max(0, fileBytes - FOOTER_BYTES), Math.min(fileBytes, FOOTER_BYTES));
  const size = seekTableBytes(footer);
  if (size === null || size > fileBytes || size > MAX_TABLE_BYTES) return null;
  const table = decodeSeekTable(await readWhole(handle, fileBytes - size, size), fileBytes);
  if (table === null) return null;
  const areOurs = areWithin(table.content, FRAME_BYTES) && areWithin(table.compressed, MAX_COMPRESSED_BYTES);
  return areOurs ? table : null;
}

function areWithin(places: readonly number[], mostBytes: number): boolean {
  return places.every((place, i) => place - (places[i - 1] ?? 0) <= mostBytes);
}

/** Reads the frames that are asked for; the last one is kept, since readers go on where they were. */
class Archive implements LogBytes {
  readonly #handle: FileHandle;
  readonly #table: SeekTable;
  #kept: { readonly frame: number; readonly content: Promise<Buffer> } | null = null;

  constructor(handle: FileHandle, table: SeekTable) {
    this.#handle = handle;
    this.#table = table;
  }

  async read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    const { content } = this.#table;
    if (position < 0 || position >= (content.at(-1) ?? 0)) return { bytesRead: 0 };
    const frame = this.#frameAt(position);
    const bytes = await this.#frame(frame);
    const from = position - (content[frame] ?? 0);
    // At most to the end of the frame, as a file may give less than was asked for too.
    return { bytesRead: bytes.copy(buffer, offset, from, Math.min(bytes.length, from + length)) };
  }

  async stat(): Promise<{ readonly size: number }> {
    return { size: this.#table.content.at(-1) ?? 0 };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #frameAt(position: number): number {
    const { content } = this.#table;
    let [low, high] = [0, content.length - 2];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((content[middle] ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  async #frame(frame: number): Promise<Buffer> {
    if (this.#kept?.frame !== frame) this.#kept = { frame, content: this.#decompress(frame) };
    return this.#kept.content;
  }

  async #decompress(frame: number): Promise<Buffer> {
    const { compressed, content } = this.#table;
    const begin = compressed[frame] ?? 0;
    const size = (content[frame + 1] ?? 0) - (content[frame] ?? 0);
    const packed = await readWhole(this.#handle, begin, (compressed[frame + 1] ?? 0) - begin);
    // Never more than the table says, whatever the frame would unfold to.
    const bytes = await decompress(packed, { maxOutputLength: Math.max(1, size) });
    if (bytes.length !== size)
      throw new Error(`Frame ${frame} of an archived log has ${bytes.length} bytes, not ${size}.`);
    return bytes;
  }
}

async function readWhole(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
