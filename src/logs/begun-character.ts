/** Of UTF-8, in bytes. */
export const LONGEST_CHARACTER = 4;

/** How many bytes at the end of `bytes`, or of the part of it from `from` up to `to`, begin a character that goes on behind them. */
export function begunCharacter(bytes: Buffer, from = 0, to = bytes.length): number {
  for (let back = 1; back < LONGEST_CHARACTER && to - back >= from; back += 1) {
    const byte = bytes[to - back] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf8 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
