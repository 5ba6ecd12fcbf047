import type { Client } from "../client/client.ts";

const BLOCK_BYTES = 65_536;
const NEWLINE = 10;

/** Where the last `lines` lines of a log begin, in bytes, found by reading backwards from its present end. */
export async function tailOffset(
  client: Client,
  id: string,
  lines: number,
  where: { readonly learner: number; readonly attempt?: number | undefined; readonly signal: AbortSignal },
): Promise<number> {
  const { sizeBytes } = await client.readLog(id, { offset: 0, limit: 1, ...where });
  if (lines === 0) return sizeBytes;
  let end = sizeBytes;
  let left = lines;
  while (end > 0) {
    const begin = Math.max(0, end - BLOCK_BYTES);
    const { bytes, next } = await client.readLog(id, { offset: begin, limit: end - begin, ...where });
    // The middle of the log was dropped; nothing is left of the lines that were there.
    if (next !== end) return next;
    for (let i = bytes.length - 1; i >= 0; i -= 1) {
      // The newline that ends the last line separates nothing.
      if (bytes[i] !== NEWLINE || begin + i === sizeBytes - 1) continue;
      left -= 1;
      if (left === 0) return begin + i + 1;
    }
    end = begin;
  }
  return 0;
}
