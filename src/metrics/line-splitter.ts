const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

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
  #ended = 0;

  /** Where the last line that was given ends: nothing before it is held back. */
  get offset(): number {
    return this.#ended;
  }

  push(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) continue;
      const line = this.#take(bytes.subarray(from, at));
      if (line !== "") lines.push(line);
      from = at + 1;
      this.#ended = this.#seen + from;
    }
    this.#hold(bytes.subarray(from));
    this.#seen += bytes.length;
    return lines;
  }

  /** The last line, where the log ends without a line feed. */
  finish(): string[] {
    const line = this.#take(new Uint8Array());
    this.#ended = this.#seen;
    return line === "" ? [] : [line];
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
