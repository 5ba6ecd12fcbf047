import { applySgr, type Style } from "./style.ts";

/** What people see of a row that is longer; the bytes are kept whole. */
export const MAX_COLUMNS = 16_384;

const WIDE = /[\uD800-\uDFFF]/;

/** A row as it can be written down and made again. */
export interface RowState {
  /** From 1; given when the row begins, and never changed. */
  readonly number: number;
  /** The raw line, from 1, with which it began. */
  readonly line: number;
  /** Of the first byte of that line. */
  readonly offset: number;
  /** With SGR sequences where it has colours. */
  readonly text: string;
  /** It was longer than people see. */
  readonly isCut: boolean;
}

/**
 * One row of the screen, without end to the right. A column is a code point: whether a character is two columns wide depends
 * on the terminal, and nobody draws progress bars over such. Plain text is one string, which is what nearly all rows are.
 */
export class TerminalRow {
  readonly number: number;
  readonly line: number;
  readonly offset: number;
  #isCut = false;
  #plain: string | null = "";
  #characters: string[] = [];
  #styles: Style[] = [];

  constructor(number: number, line: number, offset: number) {
    this.number = number;
    this.line = line;
    this.offset = offset;
  }

  static from({ number, line, offset, text, isCut }: RowState): TerminalRow {
    const row = new TerminalRow(number, line, offset);
    let style = "";
    let column = 0;
    // eslint-disable-next-line no-control-regex -- the one control character that a row's text has
    for (const [, sequence, plain = ""] of text.matchAll(/\u001B\[([\d;]*)m|([^\u001B]+)/gu)) {
      if (sequence === undefined) column = row.put(column, plain, style, WIDE.test(plain));
      else style = applySgr(style, sequence);
    }
    row.#isCut = isCut;
    return row;
  }

  /** Takes no more: what is written at the end is not seen. */
  get isFull(): boolean {
    return this.#isCut;
  }

  /** Writes from `column` on, over what is there; gives the column behind it. `mayBeWide`: may have code points of two units. */
  put(column: number, text: string, style: Style, mayBeWide: boolean): number {
    if (this.#plain !== null && style === "" && !mayBeWide) {
      const room = text.slice(0, MAX_COLUMNS - column);
      if (room.length < text.length) this.#isCut = true;
      this.#plain = overlay(this.#plain, column, room);
      return column + room.length;
    }
    this.#toCells();
    let at = column;
    for (const character of text) {
      if (at >= MAX_COLUMNS) {
        this.#isCut = true;
        break;
      }
      while (this.#characters.length < at) this.#push(" ", "");
      this.#characters[at] = character;
      this.#styles[at] = style;
      at += 1;
    }
    return at;
  }

  /** Blanks the columns from `from` up to, not including, `to`. */
  erase(from: number, to: number): void {
    if (to >= MAX_COLUMNS) this.#isCut = false;
    if (this.#plain !== null) {
      const { length } = this.#plain;
      if (to >= length) this.#plain = this.#plain.slice(0, from);
      else if (from < to) this.#plain = overlay(this.#plain, from, " ".repeat(to - from));
      return;
    }
    if (to >= this.#characters.length) {
      this.#characters.length = Math.min(from, this.#characters.length);
      this.#styles.length = this.#characters.length;
    } else {
      this.#characters.fill(" ", from, to);
      this.#styles.fill("", from, to);
    }
  }

  toState(): RowState {
    const { number, line, offset } = this;
    return { number, line, offset, text: this.#text(), isCut: this.#isCut };
  }

  #text(): string {
    if (this.#plain !== null) return this.#plain;
    let text = "";
    let style = "";
    for (const [i, character] of this.#characters.entries()) {
      const own = this.#styles[i] ?? "";
      if (own !== style) text += own === "" ? "\u001B[0m" : `${style === "" ? "" : "\u001B[0m"}\u001B[${own}m`;
      style = own;
      text += character;
    }
    return style === "" ? text : `${text}\u001B[0m`;
  }

  #toCells(): void {
    if (this.#plain === null) return;
    this.#characters = Array.from(this.#plain);
    this.#styles = this.#characters.map(() => "");
    this.#plain = null;
  }

  #push(character: string, style: Style): void {
    this.#characters.push(character);
    this.#styles.push(style);
  }
}

function overlay(under: string, column: number, text: string): string {
  if (column === under.length) return under + text;
  if (column === 0 && text.length >= under.length) return text;
  return under.slice(0, column).padEnd(column) + text + under.slice(column + text.length);
}
