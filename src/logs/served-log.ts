import { begunCharacter, LONGEST_CHARACTER } from "./begun-character.ts";
import { openStoredLog, type LogBytes } from "./archive/stored-log.ts";
import { droppedLine, readDropped, type DroppedPart } from "./dropped-part.ts";
import { lastLines } from "./log-file.ts";
import type { SecretMask } from "./secret-mask.ts";

/** Where a log is, and what must be known of its run to give it away. */
export interface LogPlace {
  readonly path: string;
  readonly mask: SecretMask;
  /** No byte will follow what the file holds now. */
  readonly isComplete: boolean;
}

export interface LogPiece {
  /**
   * `bytes` are the program's; with `dropped` they are a line of the service that says what is missing before `next`;
   * `emptied` has none: the file became shorter than it was, and what it holds now is another beginning.
   */
  readonly kind: "bytes" | "dropped" | "emptied";
  readonly bytes: Buffer;
  /** The offset behind the piece, where the next one begins. */
  readonly next: number;
}

/**
 * A log as readers get it: secrets masked, the dropped middle replaced by a line, and what may be the beginning of a
 * secret held back until it is known what follows. Offsets are those of the bytes that the program wrote.
 */
export interface ServedLog {
  /** How far it can be read now. */
  readonly sizeBytes: number;
  /** How far the program has written; more than `sizeBytes` where something is held back. */
  readonly writtenBytes: number;
  /** What begins at `from`, at most `maxBytes` of it, and never a part of a character unless the log has one. Null at the end. */
  read(from: number, maxBytes: number): Promise<LogPiece | null>;
  /** The line in place of the dropped part where `from` lies within it. */
  droppedAt(from: number): LogPiece | null;
  /** Up to where the program's bytes go on from `from` without a gap. */
  unbrokenEnd(from: number): number;
}

const NO_LOG: ServedLog = {
  sizeBytes: 0,
  writtenBytes: 0,
  read: async () => null,
  droppedAt: () => null,
  unbrokenEnd: () => 0,
};

/** As it is now; a file that is not there yet, or is none, is an empty log. Dispose it when it is read no longer. */
export async function openServedLog(place: LogPlace): Promise<ServedLog & AsyncDisposable> {
  const file = await openStoredLog(place.path);
  if (file === null) {
    return { ...NO_LOG, [Symbol.asyncDispose]: async () => {} };
  }
  try {
    const log = await serveLog(place, file.handle, file.sizeBytes);
    return Object.assign(log, { [Symbol.asyncDispose]: async () => file.handle.close() });
  } catch (error) {
    await file.handle.close();
    throw error;
  }
}

/** The same of a file that is open already and stays so; `fileBytes` is its size. */
export async function serveLog(place: LogPlace, handle: LogBytes, fileBytes: number): Promise<ServedLog> {
  const log = new OpenLog(place, handle, fileBytes);
  await log.measure();
  return log;
}

class OpenLog implements ServedLog {
  readonly #place: LogPlace;
  readonly #handle: LogBytes;
  readonly #fileBytes: number;
  #dropped: DroppedPart | null;
  sizeBytes = 0;

  constructor(place: LogPlace, handle: LogBytes, fileBytes: number) {
    this.#place = place;
    this.#handle = handle;
    this.#fileBytes = fileBytes;
    this.#dropped = usable(readDropped(place.path), fileBytes);
  }

  get writtenBytes(): number {
    return this.#fileBytes + this.#missingBytes();
  }

  async measure(): Promise<void> {
    this.sizeBytes = this.writtenBytes;
    const { mask, isComplete } = this.#place;
    if (isComplete) return;
    const from = Math.max(this.#dropped?.to ?? 0, this.writtenBytes - Math.max(mask.reach - 1, LONGEST_CHARACTER - 1));
    const end = await this.#bytes(from, this.writtenBytes);
    this.sizeBytes = from + Math.min(mask.givable(end), end.length - begunCharacter(end));
  }

  async read(from: number, maxBytes: number): Promise<LogPiece | null> {
    for (;;) {
      if (from >= this.sizeBytes) return null;
      const line = this.droppedAt(from);
      if (line !== null) return line;
      const [least, most] = this.#sideOf(from);
      const end = Math.min(this.sizeBytes, most, from + maxBytes);
      // So far a secret may reach over the ends of the piece.
      const beyond = this.#place.mask.reach - 1;
      const start = Math.max(least, from - beyond);
      const seen = await this.#bytes(start, Math.min(most, this.writtenBytes, end + beyond));
      if (this.#wasDroppedMeanwhile(start, end)) continue;
      this.#place.mask.apply(seen);
      // What begins a secret at the edge of the dropped part stays a secret.
      if (end === this.#dropped?.from) seen.fill(ASTERISK, this.#place.mask.givable(seen));
      const bytes = seen.subarray(from - start, end - start);
      // It was emptied or cut since it was opened.
      if (bytes.length === 0) return null;
      const whole =
        end < this.sizeBytes && end < most ? bytes.subarray(0, bytes.length - begunCharacter(bytes)) : bytes;
      const given = whole.length === 0 ? bytes : whole;
      return { kind: "bytes", bytes: given, next: from + given.length };
    }
  }

  droppedAt(from: number): LogPiece | null {
    const dropped = this.#dropped;
    if (dropped === null || from < dropped.from || from >= dropped.to) return null;
    return { kind: "dropped", bytes: droppedLine(dropped.to - from), next: dropped.to };
  }

  unbrokenEnd(from: number): number {
    return Math.min(this.sizeBytes, this.#sideOf(from)[1]);
  }

  /** The hole may have been made, or have grown, while we read: then what we read is perhaps no more than zeros. */
  #wasDroppedMeanwhile(start: number, end: number): boolean {
    const now = usable(readDropped(this.#place.path), this.#fileBytes);
    if (now === null || now.to === this.#dropped?.to || now.compactedAt !== null) return false;
    this.#dropped = now;
    return start < now.to && end > now.from;
  }

  #sideOf(offset: number): readonly [least: number, most: number] {
    const dropped = this.#dropped;
    if (dropped === null) return [0, this.writtenBytes];
    return offset < dropped.from ? [0, dropped.from] : [dropped.to, this.writtenBytes];
  }

  /** Bytes of one side of the dropped part; fewer where the file has become shorter. */
  async #bytes(start: number, end: number): Promise<Buffer> {
    const shift = this.#dropped !== null && start >= this.#dropped.to ? this.#missingBytes() : 0;
    const buffer = Buffer.allocUnsafe(Math.max(0, end - start));
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, length, buffer.length - length, start - shift + length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  }

  /** By how much the file is shorter than its offsets say. */
  #missingBytes(): number {
    const dropped = this.#dropped;
    if (dropped === null || !isCompact(dropped, this.#fileBytes)) return 0;
    const bytes = dropped.to - dropped.from;
    return bytes - droppedLine(bytes).length;
  }
}

/** The file was shortened after the record had said that it would be. */
export function isCompact({ compactedAt }: DroppedPart, fileBytes: number): boolean {
  return compactedAt !== null && fileBytes < compactedAt;
}

/** A file with a hole reaches beyond it; a shorter one was emptied by its program and has none any more. */
function usable(dropped: DroppedPart | null, fileBytes: number): DroppedPart | null {
  if (dropped === null || isCompact(dropped, fileBytes)) return dropped;
  return fileBytes < dropped.to ? null : dropped;
}

const ASTERISK = 0x2a;

const TAIL_BLOCK_BYTES = 65_536;
const NEWLINE = 0x0a;

/** Where the last `lines` lines begin, or the last `maxBytes` bytes where that is later. */
export async function tailStart(log: ServedLog, lines: number, maxBytes: number): Promise<number> {
  if (lines === 0) return log.sizeBytes;
  let left = lines;
  for (let end = log.sizeBytes; end > 0;) {
    const least = Math.max(0, log.sizeBytes - maxBytes);
    const begin = Math.max(least, end - TAIL_BLOCK_BYTES);
    const block = await readBlock(log, begin, end);
    for (let at = block.bytes.length - 1; at >= 0; at -= 1) {
      const offset = block.begin + at;
      // The newline that ends the last line separates nothing.
      if (block.bytes[at] !== NEWLINE || offset === log.sizeBytes - 1) continue;
      left -= 1;
      if (left === 0) return offset + 1;
    }
    if (block.begin > begin || begin === least) return block.begin;
    end = begin;
  }
  return 0;
}

/**
 * The last `lines` lines as people see them, oldest first, from at most the last `maxBytes` bytes. A progress bar that redraws
 * its line with carriage returns counts as what it showed last. Empty when there is no file.
 */
export async function readTail(place: LogPlace, lines: number, maxBytes: number): Promise<string[]> {
  await using log = await openServedLog(place);
  const { begin, bytes } = await readBlock(log, Math.max(0, log.sizeBytes - maxBytes), log.sizeBytes);
  return lastLines(bytes, begin > 0, lines);
}

/** The bytes before `end` from `begin` on, or from behind the dropped part where that lies between. */
async function readBlock(log: ServedLog, begin: number, end: number): Promise<{ begin: number; bytes: Buffer }> {
  let parts: Buffer[] = [];
  let from = begin;
  for (let at = begin; at < end;) {
    const piece = await log.read(at, end - at);
    if (piece === null) break;
    if (piece.kind === "bytes") parts.push(piece.bytes);
    else {
      parts = [];
      from = piece.next;
    }
    at = piece.next;
  }
  return { begin: from, bytes: Buffer.concat(parts) };
}
