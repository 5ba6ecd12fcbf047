import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "../base/world-files.ts";
import { readDropped, removeDropped, writeDropped, type DroppedPart } from "./dropped-part.ts";
import { isAbsent, logSize } from "./log-file.ts";
import { punchHole } from "./punch-hole.ts";

/** What file systems give back is whole blocks. */
const BLOCK_BYTES = 4096;
const NEWLINE = 0x0a;
const LONG_LINE_BYTES = 65_536;

/** What one look at a log found. */
export interface LogLook {
  /** How far the program has written. */
  readonly sizeBytes: number;
  /** How much of it takes up disk. */
  readonly keptBytes: number;
  /** How many bytes the program threw away by opening its own log anew. */
  readonly emptiedBytes: number;
  /** Why nothing can be dropped here. */
  readonly trouble: string | null;
}

/**
 * Keeps a log that a program floods within its limit: the first half of the limit and the newest bytes stay, what is between
 * is dropped, a slice at a time. The program writes into the file and notices nothing; every offset stays what it was.
 * That bytes are gone is on disk before they go, so a reader is never shown the zeros of the hole.
 */
export class LogLimit {
  readonly #path: string;
  readonly #maxBytes: number | null;
  #seenBytes = 0;
  /** Whether the hole was made since this process looks after the log: one before it may have died in between. */
  #isHoleSure = false;
  /** The file system cannot do it, and will not learn it. */
  #isGivenUp = false;

  /** Null: no limit; what the program empties is noticed all the same. */
  constructor(path: string, maxBytes: number | null) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** How much is dropped at once; so much more than the limit the log may take up, and what is written while it is dropped. */
  get sliceBytes(): number {
    const { max, min } = Math;
    return blocks(max(BLOCK_BYTES, min(64 * 1024 * 1024, (this.#maxBytes ?? 0) / 16)));
  }

  async look(): Promise<LogLook> {
    const size = await logSize(this.#path);
    const emptiedBytes = size < this.#seenBytes ? this.#seenBytes : 0;
    this.#seenBytes = size;
    let dropped = readDropped(this.#path);
    if (dropped !== null && size < dropped.to) {
      await removeDropped(this.#path);
      dropped = null;
    }
    const wanted = this.#isGivenUp ? null : this.#plan(size, dropped);
    const { now, trouble } = wanted === null ? { now: dropped, trouble: null } : await this.#drop(dropped, wanted);
    this.#isGivenUp ||= trouble !== null;
    return { sizeBytes: size, keptBytes: size - (now === null ? 0 : now.to - now.from), emptiedBytes, trouble };
  }

  #plan(size: number, dropped: DroppedPart | null): DroppedPart | null {
    if (dropped !== null && !this.#isHoleSure) return dropped;
    if (this.#maxBytes === null) return null;
    const kept = size - (dropped === null ? 0 : dropped.to - dropped.from);
    if (kept <= this.#maxBytes) return null;
    const half = blocks(this.#maxBytes / 2);
    const from = dropped?.from ?? half;
    const to = blocks(size - Math.max(0, half - this.sliceBytes));
    return to > (dropped?.to ?? from) ? { from, to, compactedAt: null } : null;
  }

  async #drop(
    before: DroppedPart | null,
    wanted: DroppedPart,
  ): Promise<{ now: DroppedPart | null; trouble: string | null }> {
    await using file = await openForWriting(this.#path);
    if (file === null) return { now: before, trouble: null };
    const now = wanted === before ? wanted : { ...wanted, to: await nextLine(file, wanted.to) };
    if (now !== before) await writeDropped(this.#path, now);
    const trouble = await punchHole(file, now.from, blocks(now.to));
    this.#isHoleSure = true;
    if (trouble === null) return { now, trouble };
    if (before === null) await removeDropped(this.#path);
    else await writeDropped(this.#path, before);
    return { now: before, trouble };
  }
}

function blocks(bytes: number): number {
  return Math.floor(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Where the next line begins, so that no line, and no secret in it, is shown without its beginning. */
async function nextLine(file: FileHandle, offset: number): Promise<number> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(LONG_LINE_BYTES), 0, LONG_LINE_BYTES, offset);
  const newline = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
  return newline === -1 ? offset : offset + newline + 1;
}

async function openForWriting(path: string): Promise<FileHandle | null> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (isAbsent(error)) return null;
    throw error;
  });
  if (file === null || (await file.stat()).isFile()) return file;
  await file.close();
  return null;
}
