const MIB = 1024 * 1024;

/** A range of an object that goes up in a request of its own. */
export interface Piece {
  /** From 0. */
  readonly index: number;
  readonly start: number;
  /** Not included. */
  readonly end: number;
}

/**
 * How an object is cut: into pieces of `pieceBytes`, or larger ones where there would be more than `most`. A function
 * of the sizes alone, so that the same content has the same ETag next time.
 */
export function planPieces(sizeBytes: number, pieceBytes: number, most: number): Piece[] {
  const each = Math.max(pieceBytes, Math.ceil(sizeBytes / most / MIB) * MIB);
  return Array.from({ length: Math.max(1, Math.ceil(sizeBytes / each)) }, (_, index) => ({
    index,
    start: index * each,
    end: Math.min(sizeBytes, (index + 1) * each),
  }));
}
