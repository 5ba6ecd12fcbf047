/** A figure with the interval that holds it in 95 of 100 repetitions. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 4000;
const SEED = 2017;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between the two nearest values where none is exactly there. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place % 1);
}

/** The median, and a bootstrap interval around it: the same values give the same interval. */
function estimate(values: readonly number[]): Estimate {
  const random = seededRandom(SEED);
  const pick = (): number => values[Math.floor(random() * values.length)] ?? Number.NaN;
  const medians = Array.from({ length: RESAMPLES }, () => median(values.map(pick)));
  return { median: median(values), low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}

/** How many times as long, pair by pair. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Estimate {
  return estimate(ours.map((value, pair) => value / (theirs[pair] ?? Number.NaN)));
}

/** How much more, pair by pair. */
export function differenceOf(ours: readonly number[], theirs: readonly number[]): Estimate {
  return estimate(ours.map((value, pair) => value - (theirs[pair] ?? Number.NaN)));
}

/** The power of n that the values grow with: 0 is flat, 1 is linear. Least squares through the logarithms. */
export function growthExponent(points: readonly { readonly n: number; readonly value: number }[]): number {
  const logs = points.map(({ n, value }) => ({ x: Math.log(n), y: Math.log(value) }));
  const meanX = logs.reduce((sum, { x }) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, { y }) => sum + y, 0) / logs.length;
  const slope = logs.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  return slope / logs.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
