import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { guardWorld } from "../../base/world.ts";
import type { MetricPoint } from "../metric-record.ts";
import { drawChart, pointCaches, type Chart } from "./chart.ts";
import { MAX_KEYS } from "./key-list.ts";
import { bucketsOf } from "./buckets.ts";
import { gridOver } from "./grid.ts";
import { FIELD } from "./node.ts";
import { SeriesReaders } from "./series-reader.ts";
import { RunPoints } from "./run-points.ts";

async function place(): Promise<AsyncDisposable & { readonly folder: string }> {
  const root = await mkdtemp(join(tmpdir(), "points-"));
  return {
    folder: join(root, "points"),
    [Symbol.asyncDispose]: async () => rm(root, { recursive: true, force: true }),
  };
}

function point(key: string, step: number | null, value: number): MetricPoint {
  return { key, step, at: new Date(Date.UTC(2026, 0, 1) + (step ?? 0) * 1000), value };
}

function points(count: number, from = 0, key = "loss"): MetricPoint[] {
  return Array.from({ length: count }, (_, i) => point(key, from + i, Math.sin(from + i)));
}

async function chart(folder: string, buckets = 1_000_000, keys = ["loss"]): Promise<Chart> {
  const curves = keys.map((key) => ({ folder, key }));
  return drawChart(
    pointCaches(),
    curves,
    { axis: "step", from: null, to: null, buckets },
    new AbortController().signal,
  );
}

/** Step and count of each bucket of the first curve, where a bucket is a step. */
async function steps(folder: string): Promise<readonly number[]> {
  const { series } = await chart(folder);
  return (series[0]?.buckets ?? []).flatMap(({ node }) =>
    Array.from({ length: node[FIELD.count] as number }, () => node[FIELD.minStep] as number),
  );
}

test("points that arrive in portions of any size are all there, each once", async () => {
  await using here = await place();
  const run = await RunPoints.open(here.folder);
  for (const [from, count] of [
    [0, 1],
    [1, 15],
    [16, 16],
    [32, 240],
    [272, 1],
    [273, 727],
  ] as const) {
    await run.append(points(count, from), { log: from + count });
  }
  expect(await steps(here.folder)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect((await RunPoints.open(here.folder)).offsets).toEqual({ log: 1000 });
});

test("a writer that is opened again goes on where the last one ended", async () => {
  await using here = await place();
  for (let from = 0; from < 600; from += 100) {
    const run = await RunPoints.open(here.folder);
    await run.append(points(100, from), { log: from + 100 });
  }
  expect(await steps(here.folder)).toEqual(Array.from({ length: 600 }, (_, i) => i));
});

test("wherever a crash or a failure strikes, the source read on from its offset gives each point once", async () => {
  await using here = await place();
  const first = points(250);
  const second = [...points(300, 250), ...points(20, 0, "accuracy")];
  for (let at = 1, reached = true; reached; at += 1) {
    const folder = `${here.folder}-${at}`;
    await (await RunPoints.open(folder)).append(first, { log: 1 });
    const run = await RunPoints.open(folder);
    let step = 0;
    {
      using _gate = guardWorld(() => {
        step += 1;
        if (step !== at) return undefined;
        // Half of the write reaches the disk, as when the power goes or the disk is full.
        const afterwards = (): never => {
          throw new Error("cut off");
        };
        return { bytes: 100, afterwards };
      });
      await run.append(second, { log: 2 }).catch(() => undefined);
    }
    reached = step >= at;
    // Once by the same writer, which tries again, and once by the next server's.
    const writer = at % 2 === 0 ? run : await RunPoints.open(folder);
    const known = (await RunPoints.open(folder)).offsets["log"];
    expect([1, 2]).toContain(known);
    if (known === 1) await writer.append(second, { log: 2 });
    expect(await steps(folder), `cut off at step ${at}`).toEqual(Array.from({ length: 550 }, (_, i) => i));
    const { series } = await chart(folder, 1_000_000, ["accuracy"]);
    expect(series[0]?.buckets).toHaveLength(20);
  }
});

test("what the sum of a node says is what its points say, NaN and infinities apart", async () => {
  await using here = await place();
  const run = await RunPoints.open(here.folder);
  const values = [1, NaN, 3, Infinity, -Infinity, -2];
  await run.append(
    values.map((value) => point("loss", 0, value)),
    {},
  );
  const { series } = await chart(here.folder, 1);
  const [bucket] = series[0]?.buckets ?? [];
  const of = (field: keyof typeof FIELD): number | undefined => bucket?.node[FIELD[field]];
  expect([of("min"), of("max"), of("sum"), of("last"), of("count"), of("nan")]).toEqual([-2, 3, 2, -2, 6, 1]);
  expect([of("positiveInfinite"), of("negativeInfinite")]).toEqual([1, 1]);
});

test("a chart shows at every zoom what its points say", async () => {
  const series = fc.array(
    fc.record({ step: fc.integer({ min: -500, max: 500 }), value: fc.integer({ min: -100, max: 100 }) }),
    { minLength: 1, maxLength: 600 },
  );
  await fc.assert(
    fc.asyncProperty(series, fc.integer({ min: 2, max: 50 }), async (raw, buckets) => {
      await using here = await place();
      const run = await RunPoints.open(here.folder);
      await run.append(
        raw.map(({ step, value }) => point("loss", step, value)),
        {},
      );
      const { grid, series: curves } = await chart(here.folder, buckets);
      expect(grid?.count).toBeLessThanOrEqual(buckets);
      const shown = curves[0]?.buckets ?? [];
      const sum = (field: number): number => shown.reduce((total, { node }) => total + (node[field] as number), 0);
      expect(sum(FIELD.count)).toBe(raw.length);
      expect(sum(FIELD.sum)).toBe(raw.reduce((total, { value }) => total + value, 0));
      expect(Math.max(...shown.map(({ node }) => node[FIELD.max] as number))).toBe(
        Math.max(...raw.map(({ value }) => value)),
      );
      for (const { index, node } of shown) {
        const left = ((grid?.first ?? 0) + index) * (grid?.width ?? 0);
        expect(node[FIELD.minStep]).toBeGreaterThanOrEqual(left);
      }
    }),
    { numRuns: 60 },
  );
});

test("past buckets stay as they are when new points come", async () => {
  await using here = await place();
  const run = await RunPoints.open(here.folder);
  await run.append(points(10_000), {});
  const request = { axis: "step", from: 0, to: 20_000, buckets: 40 } as const;
  const draw = async () =>
    drawChart(pointCaches(), [{ folder: here.folder, key: "loss" }], request, new AbortController().signal);
  const before = (await draw()).series[0]?.buckets ?? [];
  await run.append(points(7000, 10_000), {});
  const after = (await draw()).series[0]?.buckets ?? [];
  expect(after.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
  expect(after.length).toBeGreaterThan(before.length);
});

test("caches of one chart show what was written since, and what a crash took back is gone", async () => {
  await using here = await place();
  const caches = pointCaches();
  const curves = [{ folder: here.folder, key: "loss" }];
  const counted = async (): Promise<number> => {
    const drawn = await drawChart(
      caches,
      curves,
      { axis: "step", from: null, to: null, buckets: 1 },
      new AbortController().signal,
    );
    return drawn.series[0]?.buckets.reduce((sum, { node }) => sum + (node[FIELD.count] as number), 0) ?? 0;
  };
  const run = await RunPoints.open(here.folder);
  await run.append(points(700), {});
  expect(await counted()).toBe(700);
  await run.append(points(800, 700), {});
  expect(await counted()).toBe(1500);
  await appendFile(join(here.folder, "0.points"), Buffer.alloc(24 * 300));
  await (await RunPoints.open(here.folder)).append(points(1, 1500), {});
  expect(await counted()).toBe(1501);
});

test("of a series whose steps jump to and fro a chart reads a bounded part, and its sums are of all points", async () => {
  await using here = await place();
  const run = await RunPoints.open(here.folder);
  const count = 400_000;
  const jumping = Array.from({ length: count }, (_, i) => point("loss", (i * 7919) % 1000, 1));
  for (let from = 0; from < count; from += 50_000) await run.append(jumping.slice(from, from + 50_000), {});
  const reads: number[] = [];
  const readers = new SeriesReaders();
  readers.use(here.folder, 0, (reader) => {
    const read = reader.read.bind(reader);
    reader.read = (level, first, end) => {
      if (level === 0) reads.push(end - first);
      return read(level, first, end);
    };
    const buckets = bucketsOf(reader, gridOver("step", 0, 999, 500));
    expect(buckets.reduce((sum, { node }) => sum + (node[FIELD.count] as number), 0)).toBe(count);
  });
  expect(reads.reduce((sum, records) => sum + records, 0)).toBeLessThan(count);
});

test("points without a step stand where they came", async () => {
  await using here = await place();
  const run = await RunPoints.open(here.folder);
  await run.append([point("loss", null, 5), point("loss", null, 6)], {});
  await run.append([point("loss", null, 7)], {});
  expect(await steps(here.folder)).toEqual([0, 1, 2]);
});

test("a run with too many keys keeps the first and counts what it left out", async () => {
  await using here = await place();
  const run = await RunPoints.open(here.folder);
  await run.append(
    Array.from({ length: MAX_KEYS + 50 }, (_, i) => point(`key ${i}`, 0, i)),
    {},
  );
  expect(run.keys).toHaveLength(MAX_KEYS);
  expect(run.leftOut).toBe(50);
});

test("a step that no chart reaches to ends no drawing of it", async () => {
  await using here = await place();
  const writer = await RunPoints.open(here.folder);
  await writer.append([point("loss", 1, 0.5), { ...point("loss", 2, 0.25), step: Infinity }], {});
  const { grid, series } = await chart(here.folder, 100);
  expect(grid?.count).toBeLessThanOrEqual(100);
  expect(series[0]?.buckets.map(({ node }) => node[FIELD.count])).toEqual([1]);
});

test("a curve that is not there has no buckets, and nobody's chart has no grid", async () => {
  await using here = await place();
  expect(await chart(here.folder)).toEqual({ grid: null, series: [] });
});
