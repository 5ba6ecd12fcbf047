/** A range of an object that one request brings, and takes up again where it broke. */
export interface ObjectPart {
  readonly start: number;
  /** Not included. */
  end: number;
  /** The first byte that has not arrived. */
  at: number;
  /** The first byte that is not in the file. */
  written: number;
}

/**
 * How an object is cut for its way down: in one part, or where that is worth it in parts of `partBytes`, the last one
 * up to twice as large.
 */
export function cutObject(sizeBytes: number, partBytes: number): ObjectPart[] {
  const count = Math.max(1, Math.floor(sizeBytes / partBytes));
  if (count === 1) return [{ start: 0, end: sizeBytes, at: 0, written: 0 }];
  return Array.from({ length: count }, (_, index) => {
    const start = index * partBytes;
    return { start, end: index === count - 1 ? sizeBytes : start + partBytes, at: start, written: start };
  });
}

/** How many bytes from the object's beginning on are in the file without a gap. */
export function writtenPrefix(parts: readonly ObjectPart[]): number {
  const open = parts.find((part) => part.written < part.end);
  return open === undefined ? (parts.at(-1)?.end ?? 0) : open.written;
}
