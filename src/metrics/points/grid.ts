/** What a chart is drawn over. */
export type Axis = "step" | "time";

/**
 * Buckets of one width whose edges are whole multiples of it. The width is a power of two (of steps, or of
 * milliseconds), so a grid that grows coarser or finer keeps its edges, and a bucket that is past never moves when
 * new points come.
 */
export interface Grid {
  readonly axis: Axis;
  readonly width: number;
  /** The first bucket begins at `first * width`. */
  readonly first: number;
  readonly count: number;
}

/** Beyond it the widths of buckets would be lost in the numbers, and no width would ever be found. */
const FARTHEST = Number.MAX_SAFE_INTEGER;

/** The finest grid of at most `most` buckets, and at least two since zero is always an edge, that covers `from` up to and including `to`. */
export function gridOver(axis: Axis, begin: number, end: number, most: number): Grid {
  const [from, to] = [begin, end].map((place) => Math.min(FARTHEST, Math.max(-FARTHEST, place))) as [number, number];
  let width =
    2 ** Math.max(axis === "time" ? 0 : -20, Math.floor(Math.log2(Math.max(to - from, Number.MIN_VALUE) / most)));
  for (;;) {
    const first = Math.floor(from / width);
    const count = Math.floor(to / width) - first + 1;
    if (count <= Math.max(2, most)) return { axis, width, first, count };
    width *= 2;
  }
}

/** The bucket of a place on the axis; below 0 or beyond the count for one outside. */
export function bucketOf({ width, first }: Grid, x: number): number {
  return Math.floor(x / width) - first;
}
