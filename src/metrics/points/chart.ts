import { setImmediate as turn } from "node:timers/promises";
import { bucketsOf, type Bucket } from "./buckets.ts";
import { gridOver, type Axis, type Grid } from "./grid.ts";
import { KeyLists } from "./key-list.ts";
import { FIELD } from "./node.ts";
import { SeriesReaders } from "./series-reader.ts";
import { totalOf } from "./series-total.ts";

/** One curve of one run. */
export interface Curve {
  readonly folder: string;
  readonly key: string;
}

export interface ChartRequest {
  readonly axis: Axis;
  /** Null: from the first point of any curve. */
  readonly from: number | null;
  /** Null: up to the last point of any curve. */
  readonly to: number | null;
  /** At most so many buckets for each curve: the width of the chart in pixels, usually. */
  readonly buckets: number;
}

export interface Chart {
  /** Shared by all curves, so that they can be compared bucket by bucket; null when there is no point at all. */
  readonly grid: Grid | null;
  readonly series: readonly { readonly curve: Curve; readonly buckets: readonly Bucket[] }[];
}

/** What is kept in memory from one chart to the next. */
export interface PointCaches {
  readonly keys: KeyLists;
  readonly readers: SeriesReaders;
}

export function pointCaches(): PointCaches {
  return { keys: new KeyLists(), readers: new SeriesReaders() };
}

/** After so long the event loop gets a turn: a chart of a thousand runs must not hold up everybody else. */
const TURN_MS = 5;

/** The curves over one grid. Curves that do not exist have no buckets. */
export async function drawChart(
  { keys, readers }: PointCaches,
  curves: readonly Curve[],
  request: ChartRequest,
  signal: AbortSignal,
): Promise<Chart> {
  const breathe = breathing(signal);
  const found: { curve: Curve; series: number; total: Float64Array }[] = [];
  for (const curve of curves) {
    const series = keys.keysIn(curve.folder).indexOf(curve.key);
    const total = series === -1 ? null : readers.use(curve.folder, series, totalOf);
    if (total !== null) found.push({ curve, series, total });
    await breathe();
  }
  const grid = gridFor(
    found.map(({ total }) => total),
    request,
  );
  const series: { curve: Curve; buckets: readonly Bucket[] }[] = [];
  for (const { curve, series: number } of found) {
    if (grid === null) break;
    const buckets = readers.use(curve.folder, number, (reader) => bucketsOf(reader, grid));
    series.push({ curve, buckets });
    await breathe();
  }
  return { grid, series };
}

function gridFor(totals: readonly Float64Array[], { axis, from, to, buckets }: ChartRequest): Grid | null {
  if (totals.length === 0) return null;
  const [low, high] = axis === "step" ? [FIELD.minStep, FIELD.maxStep] : [FIELD.minAt, FIELD.maxAt];
  const first = from ?? totals.reduce((least, total) => Math.min(least, total[low] as number), Infinity);
  const last = to ?? totals.reduce((most, total) => Math.max(most, total[high] as number), -Infinity);
  return first <= last ? gridOver(axis, first, last, buckets) : null;
}

function breathing(signal: AbortSignal): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN_MS) return;
    await turn();
    signal.throwIfAborted();
    since = performance.now();
  };
}
