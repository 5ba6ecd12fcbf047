/**
 * How points lie on disk. A point is three doubles, a node of the pyramid twelve, in the machine's byte order (all that
 * this runs on are little-endian). Node `i` of level `k` sums up the points from `i * 16^k` on, 16^k of them; only full
 * nodes are written, so no record ever changes and each stands at a place that follows from its number.
 */
export const FANOUT = 16;

/** step (or the point's number where the program named none), milliseconds since 1970, value */
export const POINT_FIELDS = 3;
export const POINT_BYTES = POINT_FIELDS * 8;

export const NODE_FIELDS = 12;
export const NODE_BYTES = NODE_FIELDS * 8;

/** Places of a node's doubles. `min`, `max` and `sum` are of the finite values alone, and `count` is of all. */
export const FIELD = {
  minStep: 0,
  maxStep: 1,
  minAt: 2,
  maxAt: 3,
  min: 4,
  max: 5,
  sum: 6,
  last: 7,
  count: 8,
  nan: 9,
  positiveInfinite: 10,
  negativeInfinite: 11,
} as const;

export function emptyNode(): Float64Array {
  const node = new Float64Array(NODE_FIELDS);
  node[FIELD.minStep] = node[FIELD.minAt] = node[FIELD.min] = Infinity;
  node[FIELD.maxStep] = node[FIELD.maxAt] = node[FIELD.max] = -Infinity;
  return node;
}

/** Adds the point that begins at `at` of `points`. */
export function addPoint(node: Float64Array, points: Float64Array, at: number): void {
  const step = points[at] as number;
  const time = points[at + 1] as number;
  const value = points[at + 2] as number;
  widen(node, step, step, time, time);
  node[FIELD.last] = value;
  node[FIELD.count] = (node[FIELD.count] as number) + 1;
  if (Number.isFinite(value)) {
    node[FIELD.min] = Math.min(node[FIELD.min] as number, value);
    node[FIELD.max] = Math.max(node[FIELD.max] as number, value);
    node[FIELD.sum] = (node[FIELD.sum] as number) + value;
  } else {
    const field = Number.isNaN(value) ? FIELD.nan : value > 0 ? FIELD.positiveInfinite : FIELD.negativeInfinite;
    node[field] = (node[field] as number) + 1;
  }
}

/** Adds the node that begins at `at` of `nodes`, whose points came after those of `node`. */
export function addNode(node: Float64Array, nodes: Float64Array, at: number): void {
  const of = (field: number): number => nodes[at + field] as number;
  widen(node, of(FIELD.minStep), of(FIELD.maxStep), of(FIELD.minAt), of(FIELD.maxAt));
  node[FIELD.min] = Math.min(node[FIELD.min] as number, of(FIELD.min));
  node[FIELD.max] = Math.max(node[FIELD.max] as number, of(FIELD.max));
  node[FIELD.last] = of(FIELD.last);
  for (const field of [FIELD.sum, FIELD.count, FIELD.nan, FIELD.positiveInfinite, FIELD.negativeInfinite]) {
    node[field] = (node[field] as number) + of(field);
  }
}

function widen(node: Float64Array, minStep: number, maxStep: number, minAt: number, maxAt: number): void {
  if (minStep < (node[FIELD.minStep] as number)) node[FIELD.minStep] = minStep;
  if (maxStep > (node[FIELD.maxStep] as number)) node[FIELD.maxStep] = maxStep;
  if (minAt < (node[FIELD.minAt] as number)) node[FIELD.minAt] = minAt;
  if (maxAt > (node[FIELD.maxAt] as number)) node[FIELD.maxAt] = maxAt;
}
