import { setImmediate as breathe } from "node:timers/promises";
import type { ServedLog } from "../served-log.ts";
import type { LineMatch } from "./search-messages.ts";

const PIECE_BYTES = 262_144;
/** Of a line that goes on in the next piece; a longer one is searched in parts. */
const CARRIED_BYTES = 65_536;
/** What is shown of a line on each side of what was found. */
const SHOWN_BYTES = 240;
const LF = 0x0a;
const CR = 0x0d;

export interface SearchPlace {
  readonly offset: number;
  /** The raw line, from 1, that the offset is in. */
  readonly line: number;
}

export interface LogMatch {
  readonly line: number;
  /** Of what was found. */
  readonly offset: number;
  /** The line, or what of it stands around the place; of one that was drawn over itself, the state that matched. */
  readonly text: string;
}

export interface SearchOptions {
  /** Plain text, or the source of a regular expression for `findInLines`. */
  readonly query: string;
  /** Null searches for the text itself. Gives null when it takes too long. */
  readonly findInLines: ((pattern: string, text: string) => Promise<readonly LineMatch[] | null>) | null;
  readonly from: SearchPlace;
  readonly limit: number;
  readonly maxBytes: number;
}

export interface SearchPage {
  readonly matches: readonly LogMatch[];
  /** Where to go on; null when the log was searched to its end. */
  readonly next: SearchPlace | null;
  readonly isTooSlow: boolean;
}

/**
 * Looks through a log, a piece at a time, for lines with a text or a pattern; each such line counts once. Ends after
 * `limit` of them or `maxBytes` bytes, whichever comes first. What is searched is what readers get, so a masked secret is
 * not found by itself.
 */
export async function searchLog(
  log: Pick<ServedLog, "sizeBytes" | "read">,
  options: SearchOptions,
  signal: AbortSignal,
): Promise<SearchPage> {
  const matches: LogMatch[] = [];
  const needle = Buffer.from(options.query);
  let { offset: at, line } = options.from;
  let carry: Buffer = Buffer.alloc(0);
  for (let read = 0; ;) {
    signal.throwIfAborted();
    const piece = await log.read(at, PIECE_BYTES);
    if (piece === null) return { matches, next: null, isTooSlow: false };
    if (piece.kind !== "bytes") {
      // Nothing of ours matches, and what is gone has lines that nobody can count.
      carry = Buffer.alloc(0);
      at = piece.next;
      line += 2;
      continue;
    }
    const bytes = carry.length === 0 ? piece.bytes : Buffer.concat([carry, piece.bytes]);
    const isLast = piece.next >= log.sizeBytes;
    // Lines that are there whole; of one that is longer than a piece, all that came.
    const lastFeed = bytes.lastIndexOf(LF);
    const isLong = bytes.length - lastFeed > CARRIED_BYTES;
    const end = isLast || isLong ? bytes.length : lastFeed + 1;
    const block = { bytes: bytes.subarray(0, end), offset: piece.next - bytes.length, line };
    const found =
      options.findInLines === null
        ? findPlain(block, needle, matches)
        : await findPattern(block, options.findInLines, options.query);
    if (found === null) return { matches, next: null, isTooSlow: true };
    for (const match of found) {
      if (match.line === matches.at(-1)?.line) continue;
      matches.push(match);
      if (matches.length < options.limit) continue;
      const next = nextLine(block, match);
      return { matches, next: next.offset >= log.sizeBytes ? null : next, isTooSlow: false };
    }
    line += countFeeds(block.bytes);
    // A text may begin in one part of a long line and end in the next.
    const kept = isLong && !isLast ? Math.min(needle.length - 1, end) : 0;
    carry = Buffer.from(bytes.subarray(end - kept));
    at = piece.next;
    read += piece.bytes.length;
    if (read >= options.maxBytes) return { matches, next: { offset: at - carry.length, line }, isTooSlow: false };
    await breathe();
  }
}

interface Block extends SearchPlace {
  readonly bytes: Buffer;
}

function* findPlain(block: Block, needle: Buffer, before: readonly LogMatch[]): Generator<LogMatch> {
  const { bytes } = block;
  let line = block.line;
  let counted = 0;
  let last = before.at(-1)?.line ?? 0;
  for (let at = bytes.indexOf(needle); at !== -1;) {
    line += countFeeds(bytes.subarray(counted, at));
    counted = at;
    if (line !== last) yield { line, offset: block.offset + at, text: textAround(bytes, at) };
    last = line;
    const feed = bytes.indexOf(LF, at);
    at = feed === -1 ? -1 : bytes.indexOf(needle, feed + 1);
  }
}

async function findPattern(
  block: Block,
  findInLines: NonNullable<SearchOptions["findInLines"]>,
  pattern: string,
): Promise<readonly LogMatch[] | null> {
  const text = block.bytes.toString("utf8");
  // What stands behind the last newline is a line only if it has something.
  const found = await findInLines(pattern, text.endsWith("\n") ? text.slice(0, -1) : text);
  if (found === null || found.length === 0) return found === null ? null : [];
  const matches: LogMatch[] = [];
  let begin = 0;
  let number = 0;
  for (const { line, index } of found) {
    for (; number < line; number += 1) begin = block.bytes.indexOf(LF, begin) + 1;
    const feed = block.bytes.indexOf(LF, begin);
    const own = block.bytes.subarray(begin, feed === -1 ? block.bytes.length : feed);
    // Not to the byte where the line is no UTF-8, but never out of it.
    const within = Math.min(Buffer.byteLength(own.toString("utf8").slice(0, index)), Math.max(0, own.length - 1));
    matches.push({ line: block.line + line, offset: block.offset + begin + within, text: textAround(own, within) });
  }
  return matches;
}

/** Where to go on behind a match: at the next line, or behind it in a line that is longer than the block. */
function nextLine(block: Block, match: LogMatch): SearchPlace {
  const feed = block.bytes.indexOf(LF, match.offset - block.offset);
  if (feed === -1) return { offset: block.offset + block.bytes.length, line: match.line };
  return { offset: block.offset + feed + 1, line: match.line + 1 };
}

function textAround(bytes: Buffer, at: number): string {
  const isEnd = (byte: number | undefined): boolean => byte === LF || byte === CR;
  let from = at;
  while (from > 0 && at - from < SHOWN_BYTES && !isEnd(bytes[from - 1])) from -= 1;
  let to = at;
  while (to < bytes.length && to - at < SHOWN_BYTES * 2 && !isEnd(bytes[to])) to += 1;
  // Not with half a character at an end that was cut.
  while (from > 0 && from < at && ((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1;
  while (to > at && to < bytes.length && ((bytes[to] ?? 0) & 0xc0) === 0x80) to -= 1;
  return bytes.toString("utf8", from, to);
}

function countFeeds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) count += 1;
  return count;
}
