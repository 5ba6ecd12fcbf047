import { performance } from "node:perf_hooks";
import { join } from "node:path";
import { cpuUsage } from "node:process";
import { drawChart, pointCaches, type Curve } from "../src/metrics/points/chart.ts";
import { RunPoints } from "../src/metrics/points/run-points.ts";
import { makeCollector, type CollectorOrder } from "../src/metrics/thread/collector-order.ts";
import type { Benchmark } from "./harness.ts";
import type { Report } from "./report.ts";
import { makeTemporaryFolder } from "./service.ts";

const RUNS = { usual: 100, full: 1000 };
const POINTS = 100_000;
const GROWN = 10 * POINTS;
const LINES = 1_000_000;
const PORTION = 10_000;
const NEVER = new AbortController().signal;

/** The points of a training: a falling loss with noise, and one outlier. */
function points(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => {
    const step = from + i;
    const value = step === 54_321 ? 1000 : 1 / (1 + step / 1000) + ((step * 2_654_435_761) % 1000) / 20_000;
    return { key: "loss", step, at: new Date(1.7e12 + step * 1000), value };
  });
}

async function fill(folder: string, from: number, to: number): Promise<void> {
  const run = await RunPoints.open(folder);
  for (let at = from; at < to; at += PORTION)
    await run.append(points(at, Math.min(to, at + PORTION)), { log: at + PORTION });
}

/** P7: charts of many runs, their zooms and their growth; and what finding metrics costs for a million lines. */
export const metrics: Benchmark = {
  name: "metrics",
  goal: "P7: charts; collector CPU per million lines",
  measure: async (report, { full }) => {
    collect(report);
    await using folder = await makeTemporaryFolder("metrics");
    await charts(report, folder.path, full ? RUNS.full : RUNS.usual);
    await growth(report, join(folder.path, "grown"));
  },
};

function collect(report: Report): void {
  const log = Buffer.from(
    Array.from({ length: LINES / 100 }, (_, i) =>
      i % 10 === 0 ? `step ${i} loss=${1 / (i + 1)} acc=0.5\n` : `reading shard ${i} of the data\n`,
    ).join(""),
  );
  const orders: readonly (readonly [string, CollectorOrder])[] = [
    ["by itself", { kind: "log" }],
    [
      "by a pattern",
      {
        kind: "patterns",
        groups: [
          {
            label: "train",
            regex: "step (?P<step>%{INT}) loss=(?P<loss>%{FLOAT})",
            meta: {},
            scalars: [{ key: "loss", type: "FLOAT", value: "$loss" }],
            etimes: [{ key: "step", type: "INT", value: "$step" }],
          },
        ],
        lookahead: null,
      },
    ],
  ];
  for (const [name, order] of orders) {
    const collector = makeCollector(order);
    const before = cpuUsage();
    let found = 0;
    for (let turn = 0; turn < 100; turn += 1) found += collector.push(new Uint8Array(log), new Date(0)).records.length;
    const { user, system } = cpuUsage(before);
    report.fact(`CPU for a million lines, found ${name}`, `${((user + system) / 1e6).toFixed(2)} s (${found} records)`);
  }
}

async function charts(report: Report, folder: string, runs: number): Promise<void> {
  const curves: Curve[] = [];
  for (let run = 0; run < runs; run += 1) {
    const path = join(folder, String(run));
    await fill(path, 0, POINTS);
    curves.push({ folder: path, key: "loss" });
  }
  report.fact("runs", `${runs} x ${POINTS} points`);
  const caches = pointCaches();
  const buckets = Math.max(2, Math.floor(3000 / runs));
  const draw = async (from: number | null, to: number | null): Promise<number> => {
    const begun = performance.now();
    await drawChart(caches, curves, { axis: "step", from, to, buckets }, NEVER);
    return performance.now() - begun;
  };
  report.fact("first chart", `${(await draw(null, null)).toFixed(1)} ms`);
  const zooms: number[] = [];
  const cpu: number[] = [];
  for (let zoom = 0; zoom < 50; zoom += 1) {
    const width = POINTS / 2 ** (1 + (zoom % 12));
    const from = ((zoom * 7919) % 100) * ((POINTS - width) / 100);
    const before = cpuUsage();
    zooms.push(await draw(from, from + width));
    const { user, system } = cpuUsage(before);
    cpu.push((user + system) / 1000);
  }
  report.samples("zoom", "ms", zooms);
  // On a machine that others use, this is what can be compared.
  report.samples("CPU of a zoom", "ms", cpu);
}

async function growth(report: Report, folder: string): Promise<void> {
  const caches = pointCaches();
  const curve = { folder, key: "loss" };
  const median = async (): Promise<number> => {
    const times: number[] = [];
    for (let turn = 0; turn < 51; turn += 1) {
      const begun = performance.now();
      await drawChart(caches, [curve], { axis: "step", from: null, to: null, buckets: 1000 }, NEVER);
      times.push(performance.now() - begun);
    }
    return times.toSorted((a, b) => a - b)[25] as number;
  };
  await fill(folder, 0, POINTS);
  const before = await median();
  await fill(folder, POINTS, GROWN);
  const after = await median();
  report.fact(
    "one chart of 1000 buckets",
    `${before.toFixed(2)} ms; after ten times the points ${after.toFixed(2)} ms, ${(after / before).toFixed(2)} x`,
  );
}
