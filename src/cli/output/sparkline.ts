const BLOCKS = "▁▂▃▄▅▆▇█";

/** One character for each value, as high as it lies between the smallest and the largest; a blank for a gap. */
export function sparkline(values: readonly (number | null)[]): string {
  const finite = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
  const low = finite.reduce((least, value) => Math.min(least, value), Infinity);
  const high = finite.reduce((most, value) => Math.max(most, value), -Infinity);
  const step = (value: number): number =>
    high === low ? 3 : Math.min(BLOCKS.length - 1, Math.floor(((value - low) / (high - low)) * BLOCKS.length));
  return values
    .map((value) => (value === null || !Number.isFinite(value) ? " " : (BLOCKS[step(value)] ?? " ")))
    .join("")
    .trimEnd();
}
