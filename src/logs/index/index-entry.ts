import { crc32 } from "node:zlib";
import type { FolderPlace } from "../rows/row-folder.ts";
import type { RowState } from "../rows/terminal-row.ts";

/** A place in a log: from here on it can be read without what stands before. */
export interface IndexEntry extends FolderPlace {
  /** When the service had seen everything before `offset`; null when nobody knows, as of an index that was made anew. Never goes back. */
  readonly seenAt: Date | null;
  /** The rows that were changed after they began, as `Checkpoint.changed` tells. */
  readonly changed: readonly RowState[];
  /** Of the bytes right before `offset`; 0 where they are gone. */
  readonly check: number;
}

/** An entry as the file of entries has it: all of one length, so that one can be found by halving. */
export interface EntryRecord extends Omit<IndexEntry, "changed" | "style"> {
  /** Where the rest of it is in the file of rows; 0 bytes for an entry without changed rows and colours. */
  readonly rowsAt: number;
  readonly rowsBytes: number;
  readonly rowsCheck: number;
}

export const RECORD_BYTES = 64;
const TOUCHED = 0x8000_0000;

/**
 *    0 offset   8 line   16 lowest row   24 seen at, milliseconds   32 rows' place       each a double, all whole numbers
 *   40 rows below the cursor, the highest bit: the lowest is touched   44 column   48 rows' bytes   52 rows' CRC-32
 *   56 CRC-32 of the log before   60 CRC-32 of the record before
 */
export function encodeRecord(record: EntryRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  const large = [record.offset, record.line, record.lowest, record.seenAt?.getTime() ?? 0, record.rowsAt];
  for (const [i, value] of large.entries()) bytes.writeDoubleLE(value, i * 8);
  const below = record.lowest - record.cursor + (record.isLowestTouched ? TOUCHED : 0);
  const small = [below, record.column, record.rowsBytes, record.rowsCheck, record.check];
  for (const [i, value] of small.entries()) bytes.writeUInt32LE(value, 40 + i * 4);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** Null when it is none: torn, or of a disk that lost it. */
export function decodeRecord(bytes: Buffer): EntryRecord | null {
  if (bytes.length < RECORD_BYTES || crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return null;
  const [offset, line, lowest, seenAtMs, rowsAt] = [0, 8, 16, 24, 32].map((at) => bytes.readDoubleLE(at)) as Five;
  const [below, column, rowsBytes, rowsCheck, check] = [40, 44, 48, 52, 56].map((at) => bytes.readUInt32LE(at)) as Five;
  const isLowestTouched = below >= TOUCHED;
  const cursor = lowest - (isLowestTouched ? below - TOUCHED : below);
  const seenAt = seenAtMs === 0 ? null : new Date(seenAtMs);
  return { offset, line, lowest, cursor, column, isLowestTouched, seenAt, check, rowsAt, rowsBytes, rowsCheck };
}

type Five = [number, number, number, number, number];

/** The part of an entry that has no fixed length; empty for most. */
export function encodeRows({ style, changed }: Pick<IndexEntry, "style" | "changed">): Buffer {
  if (style === "" && changed.length === 0) return Buffer.alloc(0);
  const rows = changed.map(({ number, line, offset, text, isCut }) => [number, line, offset, text, isCut ? 1 : 0]);
  return Buffer.from(JSON.stringify([style, rows]));
}

export function decodeRows(bytes: Buffer): Pick<IndexEntry, "style" | "changed"> {
  if (bytes.length === 0) return { style: "", changed: [] };
  const [style, rows] = JSON.parse(bytes.toString("utf8")) as [string, [number, number, number, string, number][]];
  const changed = rows.map(([number, line, offset, text, cut]) => ({ number, line, offset, text, isCut: cut === 1 }));
  return { style, changed };
}
