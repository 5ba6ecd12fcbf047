import type { Grid } from "./grid.ts";
import { bucketOf } from "./grid.ts";
import { addNode, addPoint, emptyNode, FANOUT, FIELD, NODE_FIELDS, POINT_FIELDS } from "./node.ts";
import { nodesOf } from "./series-files.ts";
import type { SeriesReader } from "./series-reader.ts";

/** What is in one bucket of a grid. */
export interface Bucket {
  /** Its number within the grid, from 0. Empty buckets are left out. */
  readonly index: number;
  readonly node: Float64Array;
}

/**
 * A node that lies in two buckets is opened unless it is this much narrower than a bucket; then it counts for the one
 * that it begins in. What moves is less than a pixel, and a node is full for good, so it never moves again.
 */
const NARROW = 1 / 16;

/**
 * Nodes that one chart opens of one series. Steps that come in order need a few thousand; of a series whose steps jump to
 * and fro every node lies in many buckets, and reading all of its points would hold up everybody else. From there on
 * nodes count for the bucket they begin in.
 */
const MOST_OPENED = 20_000;

/** Records of one level, from `first` on. */
interface Span {
  readonly first: number;
  readonly end: number;
}

/**
 * The buckets of one series, made from as few nodes as will do: from the top of its pyramid down, opening only those
 * that lie in more than one bucket. So the work follows the number of buckets and not of points; each minimum and
 * maximum, of one point in ten million too, is in the bucket where it belongs.
 */
export function bucketsOf(reader: SeriesReader, grid: Grid): readonly Bucket[] {
  const filling: Filling = { filled: new Map(), order: new Map(), opened: 0 };
  let opened: Span[] = [];
  for (let level = reader.top; level >= 0; level -= 1) {
    // Beside what was opened above: the records behind the last full node of the level above.
    const covered = level === reader.top ? 0 : nodesOf(reader.count, level + 1) * FANOUT;
    const spans = merged([...opened, { first: covered, end: nodesOf(reader.count, level) }]);
    opened = spans.flatMap((span) => visit(reader, level, span, grid, filling));
  }
  return [...filling.filled].map(([index, node]) => ({ index, node })).toSorted((a, b) => a.index - b.index);
}

interface Filling {
  readonly filled: Map<number, Float64Array>;
  /** Number of the latest point in each bucket, which says whose `last` is the last. */
  readonly order: Map<number, number>;
  opened: number;
}

/** Puts what lies in one bucket there; gives the spans of the level below that must be looked at. */
function visit(reader: SeriesReader, level: number, span: Span, grid: Grid, filling: Filling): Span[] {
  const records = reader.read(level, span.first, span.end);
  const fields = level === 0 ? POINT_FIELDS : NODE_FIELDS;
  const [low, high] = edgesOf(level, grid);
  const size = FANOUT ** level;
  const below: Span[] = [];
  for (let at = 0, i = span.first; at < records.length; at += fields, i += 1) {
    const from = records[at + low] as number;
    const to = records[at + high] as number;
    const first = bucketOf(grid, from);
    const last = bucketOf(grid, to);
    if (last < 0 || first >= grid.count) continue;
    const isWhole = first === last || to - from <= grid.width * NARROW;
    if (!isWhole && filling.opened < MOST_OPENED) {
      filling.opened += 1;
      below.push({ first: i * FANOUT, end: (i + 1) * FANOUT });
    } else if (first >= 0 || !isWhole) add(filling, Math.max(0, first), records, at, level, i * size);
  }
  return below;
}

function edgesOf(level: number, { axis }: Grid): readonly [number, number] {
  if (level === 0) return axis === "step" ? [0, 0] : [1, 1];
  return axis === "step" ? [FIELD.minStep, FIELD.maxStep] : [FIELD.minAt, FIELD.maxAt];
}

function add(
  { filled, order }: Filling,
  bucket: number,
  records: Float64Array,
  at: number,
  level: number,
  number: number,
): void {
  let node = filled.get(bucket);
  if (node === undefined) filled.set(bucket, (node = emptyNode()));
  const isLatest = number >= (order.get(bucket) ?? -1);
  const last = node[FIELD.last] as number;
  if (level === 0) addPoint(node, records, at);
  else addNode(node, records, at);
  if (isLatest) order.set(bucket, number);
  else node[FIELD.last] = last;
}

/** Spans in order, with those that touch made one, so that each is one read. */
function merged(spans: readonly Span[]): Span[] {
  const result: { first: number; end: number }[] = [];
  for (const span of spans.toSorted((a, b) => a.first - b.first)) {
    const previous = result.at(-1);
    if (span.end <= span.first) continue;
    if (previous !== undefined && previous.end >= span.first) previous.end = Math.max(previous.end, span.end);
    else result.push({ ...span });
  }
  return result;
}
