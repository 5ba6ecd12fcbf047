/**
 * The table at the end of a file of many zstd frames that tells where each begins, as a frame that decompressors skip: the
 * "seekable format" of the zstd project (contrib/seekable_format). So `zstd -d` reads our files, and we read them in the middle.
 */
export interface SeekTable {
  /** Where each frame begins in the file, and behind the last one where the table does. */
  readonly compressed: readonly number[];
  /** Where the content of each frame begins, and behind the last one how long the content is. */
  readonly content: readonly number[];
}

const SKIPPABLE_MAGIC = 0x184d_2a5e;
const SEEKABLE_MAGIC = 0x8f92_eab1;
const HEADER_BYTES = 8;
const FRAME_BYTES = 8;
export const FOOTER_BYTES = 9;

export function encodeSeekTable(frames: readonly { readonly compressed: number; readonly content: number }[]): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + frames.length * FRAME_BYTES + FOOTER_BYTES);
  bytes.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  bytes.writeUInt32LE(bytes.length - HEADER_BYTES, 4);
  for (const [i, frame] of frames.entries()) {
    bytes.writeUInt32LE(frame.compressed, HEADER_BYTES + i * FRAME_BYTES);
    bytes.writeUInt32LE(frame.content, HEADER_BYTES + i * FRAME_BYTES + 4);
  }
  bytes.writeUInt32LE(frames.length, bytes.length - FOOTER_BYTES);
  // The byte before the magic number says that frames have no checksums here: zstd's own are within them.
  bytes.writeUInt32LE(SEEKABLE_MAGIC, bytes.length - 4);
  return bytes;
}

/** How many bytes the table has, by the last bytes of the file; null when there is none. */
export function seekTableBytes(footer: Buffer): number | null {
  if (footer.length < FOOTER_BYTES || footer.readUInt32LE(footer.length - 4) !== SEEKABLE_MAGIC) return null;
  if (footer[footer.length - 5] !== 0) return null;
  return HEADER_BYTES + footer.readUInt32LE(footer.length - FOOTER_BYTES) * FRAME_BYTES + FOOTER_BYTES;
}

/** Null when it is none. `fileBytes` is the length of the file that it ends. */
export function decodeSeekTable(bytes: Buffer, fileBytes: number): SeekTable | null {
  const size = seekTableBytes(bytes);
  if (size !== bytes.length || bytes.readUInt32LE(0) !== SKIPPABLE_MAGIC) return null;
  const compressed = [0];
  const content = [0];
  for (let at = HEADER_BYTES; at < size - FOOTER_BYTES; at += FRAME_BYTES) {
    compressed.push((compressed.at(-1) ?? 0) + bytes.readUInt32LE(at));
    content.push((content.at(-1) ?? 0) + bytes.readUInt32LE(at + 4));
  }
  return compressed.at(-1) === fileBytes - size ? { compressed, content } : null;
}
