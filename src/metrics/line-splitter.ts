const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** One state of a line, and the byte of the log behind which the next one begins. */
export interface LogLine {
  readonly text: string;
  readonly end: number;
}

/** What stands behind this in a line is not looked at; nobody prints metrics there. */
export const MAX_LINE_BYTES = 64 * 1024;

/**
 * Cuts a growing log into the states of its lines: a carriage return ends a state as a line feed does, for a progress
 * bar shows other numbers each time it is redrawn. Whatever is no UTF-8 becomes U+FFFD. Memory is bounded however
 * long a line is.
 */
export class LineSplitter {
  #held: Buffer = Buffer.alloc(0);
  #isOverlong = false;
  #seen = 0;

  push(bytes: Uint8Array): LogLine[] {
    const lines: LogLine[] = [];
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) continue;
      const text = this.#take(bytes.subarray(from, at));
      from = at + 1;
      if (text !== "") lines.push({ text, end: this.#seen + from });
    }
    this.#hold(bytes.subarray(from));
    this.#seen += bytes.length;
    return lines;
  }

  /** The last line, where the log ends without a line feed. */
  finish(): LogLine[] {
    const text = this.#take(new Uint8Array());
    return text === "" ? [] : [{ text, end: this.#seen }];
  }

  #take(rest: Uint8Array): string {
    this.#hold(rest);
    const text = this.#held.toString("utf8");
    this.#held = Buffer.alloc(0);
    this.#isOverlong = false;
    return text;
  }

  #hold(bytes: Uint8Array): void {
    if (this.#isOverlong || bytes.length === 0) return;
    this.#isOverlong = this.#held.length + bytes.length > MAX_LINE_BYTES;
    const room = bytes.subarray(0, MAX_LINE_BYTES - this.#held.length);
    this.#held = this.#held.length === 0 ? Buffer.from(room) : Buffer.concat([this.#held, room]);
  }
}
