const ESC = 0x1b;
const BEL = 0x07;

/** Longer ones are no sequences but bytes of a file that was printed. */
const MAX_CONTROL = 64;
const MAX_STRING = 4096;

/** A control function: what ends it, and its parameters as written; `final` is "" for one without an effect on rows. */
export interface Escape {
  readonly length: number;
  readonly final: string;
  readonly parameters: string;
}

/**
 * Reads the escape sequence (ECMA-48) that begins at `at` with ESC. Null: it is none, and ESC is a character like others;
 * "unfinished": that cannot be told from the bytes up to `end`.
 */
export function readEscape(bytes: Buffer, at: number, end: number): Escape | null | "unfinished" {
  if (at + 1 >= end) return "unfinished";
  const second = bytes[at + 1] as number;
  if (second === 0x5b) return readControl(bytes, at, end);
  // Operating system command, device control string, start of string, privacy message, application program command.
  if (second === 0x5d || second === 0x50 || second === 0x58 || second === 0x5e || second === 0x5f) {
    return readString(bytes, at, end);
  }
  let i = at + 1;
  while (i < end && isBetween(bytes[i], 0x20, 0x2f)) i += 1;
  if (i - at > MAX_CONTROL) return null;
  if (i === end) return "unfinished";
  if (!isBetween(bytes[i], 0x30, 0x7e)) return null;
  // Reverse line feed: one row up.
  const isUp = second === 0x4d;
  return { length: i + 1 - at, final: isUp ? "A" : "", parameters: "" };
}

function readControl(bytes: Buffer, at: number, end: number): Escape | null | "unfinished" {
  let i = at + 2;
  while (i < end && i - at < MAX_CONTROL && isBetween(bytes[i], 0x20, 0x3f)) i += 1;
  if (i - at >= MAX_CONTROL) return null;
  if (i === end) return "unfinished";
  if (!isBetween(bytes[i], 0x40, 0x7e)) return null;
  const parameters = bytes.toString("latin1", at + 2, i);
  // Private ones (`?25l` hides the cursor) change no row.
  const isPlain = /^[\d;:]*$/u.test(parameters);
  return { length: i + 1 - at, final: isPlain ? String.fromCodePoint(bytes[i] as number) : "", parameters };
}

function readString(bytes: Buffer, at: number, end: number): Escape | null | "unfinished" {
  for (let i = at + 2; i < end; i += 1) {
    if (i - at >= MAX_STRING) return null;
    const byte = bytes[i] as number;
    if (byte === BEL) return { length: i + 1 - at, final: "", parameters: "" };
    if (byte === ESC) {
      if (i + 1 >= end) return "unfinished";
      return bytes[i + 1] === 0x5c ? { length: i + 2 - at, final: "", parameters: "" } : null;
    }
    if (byte < 0x20) return null;
  }
  return end - at >= MAX_STRING ? null : "unfinished";
}

function isBetween(byte: number | undefined, least: number, most: number): boolean {
  return byte !== undefined && byte >= least && byte <= most;
}
