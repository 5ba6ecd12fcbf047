import { begunCharacter } from "../begun-character.ts";
import { readEscape, type Escape } from "./escape.ts";
import { applySgr, type Style } from "./style.ts";
import { MAX_COLUMNS, TerminalRow, type RowState } from "./terminal-row.ts";

/** How many rows can still change: those that a cursor can reach from the lowest one upwards. */
export const WINDOW_ROWS = 64;

/** Where a folder is, without the rows that can be made again from the bytes since they began. */
export interface FolderPlace {
  /** Of the first byte that is not folded yet. */
  readonly offset: number;
  /** The raw line, from 1, that this byte is in. */
  readonly line: number;
  /** The number of the lowest row. */
  readonly lowest: number;
  /** The row and column that is written next. */
  readonly cursor: number;
  readonly column: number;
  readonly style: Style;
  /** Something was written into the lowest row. */
  readonly isLowestTouched: boolean;
}

export interface Checkpoint extends FolderPlace {
  /**
   * Rows that were changed after the stretch between two checkpoints in which they began: all of them that the cursor can
   * still reach, and those that went out of its reach since the checkpoint before.
   */
  readonly changed: readonly RowState[];
}

const LF = 0x0a;
const CR = 0x0d;
const BACKSPACE = 0x08;
const TAB = 0x09;
const BEL = 0x07;
const ESC = 0x1b;
const DELETE = 0x7f;

/** At the beginning of a log. */
export const LOG_START: FolderPlace = {
  offset: 0,
  line: 1,
  lowest: 1,
  cursor: 1,
  column: 0,
  style: "",
  isLowestTouched: false,
};

/**
 * Folds the bytes of a log into rows as a terminal without end to the right would show them: carriage returns, backspaces
 * and cursor movements write over what is there, so nested progress bars are as many rows as they have bars, however many
 * raw lines they were written as. A row gets its number when it begins; it can change while it is one of the lowest 64.
 * Equal bytes give equal rows in whatever portions they come. Uses bounded memory whatever the bytes are.
 */
export class RowFolder {
  readonly #onFinal: (row: TerminalRow) => void;
  /** The lowest rows, the lowest one last; null for one that began before what this folder has seen. */
  #window: (TerminalRow | null)[];
  /** Of the bytes handed in, those of the carry included. */
  #offset: number;
  #line: number;
  #lowest: number;
  #cursor: number;
  #column: number;
  #style: Style;
  #isLowestTouched: boolean;
  /** The beginning of a character or of an escape sequence. */
  #carry: Buffer = Buffer.alloc(0);
  /** Rows that began since the last checkpoint are those above this number. */
  #lowestAtCheckpoint: number;
  #changed = new Map<number, TerminalRow>();
  readonly #watched = new Map<number, number>();

  /** From the beginning, or from a place with the rows near it that are known. `onFinal` gets rows that can change no more. */
  constructor(
    place: FolderPlace = LOG_START,
    known: readonly RowState[] = [],
    onFinal: (row: TerminalRow) => void = () => {},
  ) {
    this.#onFinal = onFinal;
    this.#offset = place.offset;
    this.#line = place.line;
    this.#lowest = place.lowest;
    this.#cursor = place.cursor;
    this.#column = place.column;
    this.#style = place.style;
    this.#isLowestTouched = place.isLowestTouched;
    const isStart = place === LOG_START;
    this.#lowestAtCheckpoint = isStart ? 0 : place.lowest;
    this.#window = Array.from({ length: Math.min(WINDOW_ROWS, place.lowest) }, () => null);
    if (isStart) this.#window[0] = new TerminalRow(1, 1, 0);
    for (const state of known) {
      const at = this.#indexOf(state.number);
      if (at >= 0 && at < this.#window.length) this.#window[at] = TerminalRow.from(state);
    }
  }

  /** Says that rows before the last checkpoint had been changed by then: what `Checkpoint.changed` told. */
  resumeChanged(numbers: Iterable<number>): void {
    for (const number of numbers) {
      const row = this.#window[this.#indexOf(number)];
      if (row !== undefined && row !== null) this.#changed.set(number, row);
    }
  }

  get lowest(): number {
    return this.#lowest;
  }

  get line(): number {
    return this.#line;
  }

  /** The row that is written next. */
  get cursor(): number {
    return this.#cursor;
  }

  /** How many rows there are: one that has just begun and has nothing in it is none yet, as after the newline of a last line. */
  get rowCount(): number {
    return this.#isLowestTouched ? this.#lowest : this.#lowest - 1;
  }

  /** The row in which a raw line to come will begin; `rowOfLine` tells once it has. */
  watchLine(line: number): void {
    this.#watched.set(line, this.#line === line ? this.#cursor : 0);
  }

  rowOfLine(line: number): number | undefined {
    const row = this.#watched.get(line);
    return row === 0 ? undefined : row;
  }

  push(bytes: Buffer): void {
    const all = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    this.#offset += bytes.length;
    const folded = this.#fold(all, this.#offset - all.length, false);
    this.#carry = folded === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(folded));
  }

  /** No byte will follow: what looked like a beginning was none. */
  end(): void {
    this.#fold(this.#carry, this.#offset - this.#carry.length, true);
    this.#carry = Buffer.alloc(0);
  }

  /** Goes on at a later offset: bytes between are gone, and `notice` stands in their place. */
  skip(notice: Buffer, next: number): void {
    this.end();
    this.push(notice);
    this.end();
    this.#offset = next;
  }

  /** The rows that can still change and of which everything is known, the highest first. */
  live(): readonly TerminalRow[] {
    const count = this.rowCount;
    return this.known().filter((row) => row.number <= count);
  }

  /** As `live`, with the lowest one also where nothing was written into it yet. */
  known(): readonly TerminalRow[] {
    return this.#window.filter((row) => row !== null);
  }

  /** Where it is, between two characters. Another folder can go on from there as this one does. */
  checkpoint(): Checkpoint {
    const changed = [...this.#changed.values()].sort((a, b) => a.number - b.number).map((row) => row.toState());
    const first = this.#firstInReach();
    for (const number of this.#changed.keys()) if (number < first) this.#changed.delete(number);
    this.#lowestAtCheckpoint = this.#lowest;
    return {
      offset: this.#offset - this.#carry.length,
      line: this.#line,
      lowest: this.#lowest,
      cursor: this.#cursor,
      column: this.#column,
      style: this.#style,
      isLowestTouched: this.#isLowestTouched,
      changed,
    };
  }

  /** How many bytes of `bytes`, the first of which is at `base`, were folded; the rest is the beginning of something. */
  #fold(bytes: Buffer, base: number, isEnd: boolean): number {
    const end = bytes.length;
    let i = 0;
    while (i < end) {
      const byte = bytes[i] as number;
      if (byte === LF) this.#feed(base + i + 1);
      else if (byte === CR) this.#column = 0;
      else if (byte === BACKSPACE) this.#column = Math.max(0, this.#column - 1);
      else if (byte === ESC) {
        const escape = readEscape(bytes, i, end);
        if (escape === "unfinished" && !isEnd) return i;
        if (escape === "unfinished" || escape === null) this.#picture(byte);
        else {
          this.#obey(escape);
          i += escape.length;
          continue;
        }
      } else if (byte === DELETE || (byte < 0x20 && byte !== TAB)) {
        if (byte !== BEL) this.#picture(byte);
      } else {
        const next = this.#text(bytes, i, end, isEnd);
        if (next === i) return i;
        i = next;
        continue;
      }
      i += 1;
    }
    return end;
  }

  /** Writes the text at `from`; gives the offset behind what could be written. */
  #text(bytes: Buffer, from: number, end: number, isEnd: boolean): number {
    let to = from;
    let mayBeWide = false;
    for (; to < end; to += 1) {
      const byte = bytes[to] as number;
      if (byte < 0x20 ? byte !== TAB : byte === DELETE) break;
      if (byte >= 0xf0) mayBeWide = true;
    }
    const whole = to === end && !isEnd ? to - begunCharacter(bytes, from, to) : to;
    if (whole === from) return from;
    const row = this.#touch();
    // Most of a very long line is never seen, so it is not decoded either.
    if (this.#column >= MAX_COLUMNS && row?.isFull === true) return whole;
    const text = bytes.toString("utf8", from, whole);
    if (row !== null) this.#column = row.put(this.#column, text, this.#style, mayBeWide);
    else this.#column = Math.min(MAX_COLUMNS, this.#column + (mayBeWide ? Array.from(text).length : text.length));
    return whole;
  }

  /** A control character that has no effect here, as the picture that Unicode has of it. */
  #picture(byte: number): void {
    const text = String.fromCodePoint(byte === DELETE ? 0x2421 : 0x2400 + byte);
    const row = this.#touch();
    this.#column = row?.put(this.#column, text, this.#style, false) ?? Math.min(MAX_COLUMNS, this.#column + 1);
  }

  #feed(nextOffset: number): void {
    this.#line += 1;
    this.#column = 0;
    if (this.#cursor === this.#lowest) {
      this.#lowest += 1;
      this.#isLowestTouched = false;
      this.#window.push(new TerminalRow(this.#lowest, this.#line, nextOffset));
      if (this.#window.length > WINDOW_ROWS) {
        const departed = this.#window.shift();
        if (departed !== undefined && departed !== null) this.#onFinal(departed);
      }
    }
    this.#cursor += 1;
    if (this.#watched.has(this.#line)) this.#watched.set(this.#line, this.#cursor);
  }

  #obey({ final, parameters }: Escape): void {
    const count = Math.max(1, Number(parameters.split(/[;:]/u, 1)[0] ?? 1));
    const up = (): number => Math.max(this.#firstInReach(), this.#cursor - count);
    const down = (): number => Math.min(this.#lowest, this.#cursor + count);
    if (final === "m") this.#style = applySgr(this.#style, parameters);
    else if (final === "A") this.#cursor = up();
    else if (final === "B") this.#cursor = down();
    else if (final === "C") this.#column = Math.min(MAX_COLUMNS, this.#column + count);
    else if (final === "D") this.#column = Math.max(0, this.#column - count);
    else if (final === "G") this.#column = Math.min(MAX_COLUMNS, count - 1);
    else if (final === "E" || final === "F") {
      this.#cursor = final === "E" ? down() : up();
      this.#column = 0;
    } else if (final === "K") this.#eraseLine(parameters);
    else if (final === "J" && (parameters === "" || parameters === "0")) this.#eraseBelow();
  }

  #eraseLine(parameters: string): void {
    const from = parameters === "" || parameters === "0" ? this.#column : 0;
    const to = parameters === "1" ? this.#column + 1 : MAX_COLUMNS;
    this.#touch()?.erase(from, to);
  }

  /** What was cleared stays as empty rows: numbers never move. */
  #eraseBelow(): void {
    this.#eraseLine("0");
    const here = this.#cursor;
    for (this.#cursor += 1; this.#cursor <= this.#lowest; this.#cursor += 1) this.#touch()?.erase(0, MAX_COLUMNS);
    this.#cursor = here;
  }

  #touch(): TerminalRow | null {
    if (this.#cursor === this.#lowest) this.#isLowestTouched = true;
    const row = this.#window[this.#indexOf(this.#cursor)] ?? null;
    if (row === null) return null;
    if (this.#cursor <= this.#lowestAtCheckpoint) this.#changed.set(this.#cursor, row);
    return row;
  }

  #firstInReach(): number {
    return this.#lowest - this.#window.length + 1;
  }

  #indexOf(number: number): number {
    return number - this.#firstInReach();
  }
}
