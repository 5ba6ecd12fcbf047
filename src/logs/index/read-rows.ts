import type { IndexedLog } from "../indexed-log.ts";
import { LOG_START, RowFolder, WINDOW_ROWS, type FolderPlace } from "../rows/row-folder.ts";
import type { RowState } from "../rows/terminal-row.ts";
import type { IndexEntry } from "./index-entry.ts";

const PIECE_BYTES = 65_536;

export interface SeenRow extends RowState {
  /** When the service had seen where it begins, at the latest; null when nobody knows (yet). */
  readonly seenAt: Date | null;
}

/** What was folded between two places of a log, and everything that began there. */
interface Stretch {
  readonly folder: RowFolder;
  readonly rows: Map<number, RowState>;
  /** Further than asked for where bytes are gone. */
  readonly end: number;
}

/**
 * Rows from number `from` on, at most `count`, as they look now; fewer once more than `maxBytes` of the log had to be read
 * for them. A row is folded from the bytes of the stretch between two entries in which it began, and from those alone: had
 * it been changed later, the entry at which that was over knows it. So the work depends on neither the log's length nor on for how
 * long a row was drawn again and again.
 */
export async function readRows(
  { log, index }: IndexedLog,
  from: number,
  count: number,
  maxBytes = Infinity,
): Promise<readonly SeenRow[]> {
  const found: SeenRow[] = [];
  const later = new LaterChanges(index);
  /** Rows that bytes behind the last entry may have changed. */
  const open: SeenRow[] = [];
  const end = from + count;
  let bytes = 0;
  for (let row = from; row < end && bytes <= maxBytes;) {
    // Number 0 is the first entry, before which there is the log's beginning.
    const next = await index.first((record) => record.lowest >= row);
    if (next === index.count) break;
    const target = await index.record(next);
    const stretch = await fold(log, await placeAt(index, next), [], target.offset, true);
    bytes += stretch.end - (next === 0 ? 0 : (await index.record(next - 1)).offset);
    for (; row < Math.min(end, target.lowest + 1); row += 1) {
      const own = stretch.rows.get(row);
      const { state, isFinal } = await later.of(row, own);
      if (state === undefined) continue;
      // One that was only begun was not seen yet.
      const seenAt = state.offset < target.offset ? target.seenAt : await seenBehind(index, next);
      (isFinal ? found : open).push({ ...state, seenAt });
    }
    if (stretch.end > target.offset) row = Math.max(row, await rowBehind(index, stretch.end));
  }
  if (open.length === 0 && found.length > 0 && (found.at(-1) as SeenRow).number >= end - 1) return found;
  if (bytes > maxBytes) return [...found, ...open];
  return [...found, ...(await readTail({ log, index }, from, end, open))];
}

/** Those of the rows that began behind the last entry, or are still open there. */
async function readTail(
  { log, index }: IndexedLog,
  from: number,
  end: number,
  open: readonly SeenRow[],
): Promise<readonly SeenRow[]> {
  const { folder, rows } = await fold(log, await placeAt(index, index.count), open, log.sizeBytes, false);
  const seen = new Map(open.map((row) => [row.number, row.seenAt]));
  return [...rows.values()]
    .filter(({ number }) => number >= from && number < end && number <= folder.rowCount)
    .map((row) => ({ ...row, seenAt: seen.get(row.number) ?? null }));
}

/** Rows as the place of an entry finds them: all that can still change there. */
export async function rowsAt({ log, index }: IndexedLog, number: number): Promise<readonly RowState[]> {
  const { lowest, changed } = await index.entry(number);
  const rows = new Map<number, RowState>();
  for (let row = Math.max(1, lowest - WINDOW_ROWS + 1); row <= lowest;) {
    const next = await index.first((record) => record.lowest >= row);
    const target = await index.record(next);
    const stretch = await fold(log, await placeAt(index, next), [], target.offset, true);
    for (; row <= Math.min(lowest, target.lowest); row += 1) {
      const state = stretch.rows.get(row);
      if (state !== undefined) rows.set(row, state);
    }
  }
  for (const row of changed) if (row.number > lowest - WINDOW_ROWS) rows.set(row.number, row);
  return [...rows.values()];
}

/** The row in which a raw line begins; null where there is no such line. */
export async function rowOfLine({ log, index }: IndexedLog, line: number): Promise<number | null> {
  // A living log of half a character has a line, and nothing on show yet.
  if (line <= 1) return (await totals({ log, index })).rows === 0 ? null : 1;
  const next = await index.first((record) => record.line >= line);
  const place = await placeAt(index, next);
  const end = next === index.count ? log.sizeBytes : (await index.record(next)).offset;
  const folder = new RowFolder(place);
  folder.watchLine(line);
  await pushAll(log, folder, place.offset, end);
  const row = folder.rowOfLine(line) ?? null;
  if (row === null || row <= folder.rowCount) return row;
  return row > (await totals({ log, index })).rows ? null : row;
}

/** The row that the byte at an offset was written to; the last one for an offset behind the end. */
export async function rowOfOffset({ log, index }: IndexedLog, offset: number): Promise<number> {
  const next = await index.first((record) => record.offset > offset);
  const place = await placeAt(index, next);
  const folder = new RowFolder(place);
  await pushAll(log, folder, place.offset, Math.min(offset, log.sizeBytes));
  return Math.max(1, offset < log.sizeBytes ? folder.cursor : folder.rowCount);
}

/**
 * The first row of what may have been seen at a time or later: too much rather than too little, for the index knows times
 * from place to place only. What stands behind its last entry came after that. Null where all was seen before.
 */
export async function rowOfTime({ log, index }: IndexedLog, time: Date): Promise<number | null> {
  const next = await index.first(({ seenAt }) => seenAt !== null && seenAt >= time);
  if (next === 0) return index.count === 0 ? null : 1;
  const { offset, lowest } = await index.record(next - 1);
  return next === index.count && offset >= log.sizeBytes ? null : lowest;
}

export interface LogTotals {
  readonly rows: number;
  readonly lines: number;
  readonly sizeBytes: number;
  /** When the service first knew what was there when; null where it does not know of all. */
  readonly timesFrom: Date | null;
}

export async function totals({ log, index }: IndexedLog): Promise<LogTotals> {
  const place = await placeAt(index, index.count);
  const folder = new RowFolder(place);
  await pushAll(log, folder, place.offset, log.sizeBytes);
  const lastByte = log.sizeBytes === 0 ? null : await log.read(log.sizeBytes - 1, 1);
  const isOpen = lastByte !== null && lastByte.bytes.at(-1) !== 0x0a;
  const known = await index.first(({ seenAt }) => seenAt !== null);
  return {
    rows: folder.rowCount,
    lines: isOpen ? folder.line : folder.line - 1,
    sizeBytes: log.sizeBytes,
    timesFrom: known < index.count ? (await index.record(known)).seenAt : null,
  };
}

/** The place of the entry before `number`. */
async function placeAt(index: IndexedLog["index"], number: number): Promise<FolderPlace> {
  return number === 0 ? LOG_START : index.entry(number - 1);
}

async function seenBehind(index: IndexedLog["index"], number: number): Promise<Date | null> {
  return number + 1 < index.count ? (await index.record(number + 1)).seenAt : null;
}

/** The first row that begins behind an offset for certain. */
async function rowBehind(index: IndexedLog["index"], offset: number): Promise<number> {
  const next = await index.first((record) => record.offset >= offset);
  return next === index.count ? Infinity : (await index.record(next)).lowest + 1;
}

async function fold(
  log: IndexedLog["log"],
  place: FolderPlace,
  known: readonly RowState[],
  end: number,
  isEntry: boolean,
): Promise<Stretch> {
  const rows = new Map<number, RowState>();
  const folder = new RowFolder(place, known, (row) => rows.set(row.number, row.toState()));
  const reached = await pushAll(log, folder, place.offset, end);
  // An entry stands between two characters; only at the end of a log there may be half of one before it.
  if (isEntry) folder.end();
  for (const row of folder.known()) rows.set(row.number, row.toState());
  return { folder, rows, end: reached };
}

/** Gives where it came to: `end`, or further where bytes are gone. */
async function pushAll(log: IndexedLog["log"], folder: RowFolder, from: number, end: number): Promise<number> {
  let at = from;
  while (at < end) {
    const piece = await log.read(at, Math.min(PIECE_BYTES, end - at));
    if (piece === null) break;
    if (piece.kind === "bytes") folder.push(piece.bytes);
    else folder.skip(piece.bytes, piece.next);
    at = piece.next;
  }
  return at;
}

/** What became of rows after the stretch in which they began. To be asked of rows in their order. */
class LaterChanges {
  readonly #index: IndexedLog["index"];
  #entry: IndexEntry | null = null;
  #changed = new Map<number, RowState>();
  #isLast = false;

  constructor(index: IndexedLog["index"]) {
    this.#index = index;
  }

  /** The row as the index knows it, or else `own`; `isFinal`: no byte behind the last entry can have changed it. */
  async of(
    row: number,
    own: RowState | undefined,
  ): Promise<{ readonly state: RowState | undefined; readonly isFinal: boolean }> {
    if (this.#entry === null || (!this.#isLast && this.#entry.lowest - WINDOW_ROWS < row)) await this.#look(row);
    return { state: this.#changed.get(row) ?? own, isFinal: !this.#isLast };
  }

  /** The first entry from which the row is out of the cursor's reach, or the last one that there is. */
  async #look(row: number): Promise<void> {
    const next = await this.#index.first((record) => record.lowest - WINDOW_ROWS >= row);
    this.#isLast = next === this.#index.count;
    this.#entry = await this.#index.entry(this.#isLast ? next - 1 : next);
    this.#changed = new Map(this.#entry.changed.map((each) => [each.number, each]));
  }
}
