import { Readable } from "node:stream";
import { bestOf } from "../../contract/metric-query.ts";
import type { ChartView, MetricView, Reports, Value } from "../../contract/metrics.ts";
import type { MetricSummary } from "../../domain/metric-summary.ts";
import { isTerminal } from "../../domain/run-state.ts";
import type { MetricRecord } from "../../metrics/metric-record.ts";
import type { Bucket } from "../../metrics/points/buckets.ts";
import { FIELD } from "../../metrics/points/node.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { MetricService } from "../services.ts";
import { requestSignal, waitUpTo } from "../waiting.ts";

/** An answer stays below this: curves share it, and those that find no room are left out. */
const MAX_ANSWER_BYTES = 200_000;
/** What a curve takes without its buckets, and a bucket with every column, in usual cases. */
const CURVE_BYTES = 120;
const BUCKET_BYTES = 60;
const MAX_CURVES = 1000;
const HEARTBEAT_MS = 15_000;
/** New values of a run are told this often at most. */
const NEWS_MS = 1000;

type MetricHandlers = Pick<RouteHandlers, "listMetrics" | "drawChart" | "reportMetrics" | "followMetrics">;

export function metricRoutes(metrics: MetricService, closing: AbortSignal): MetricHandlers {
  return {
    listMetrics: async ({ params: { id } }) => {
      const { run, summaries } = await metrics.list(id);
      return {
        status: 200,
        body: { run: id, isComplete: isTerminal(run.state), metrics: summaries.map(viewMetric) },
      };
    },

    drawChart: async ({ query: { run, key, axis, from, to, buckets }, reply }) => {
      using request = requestSignal(reply, closing);
      const curves = Math.max(1, run.length * (key?.length ?? 10));
      const wanted = {
        axis,
        from: from ?? null,
        to: to ?? null,
        buckets: Math.max(2, Math.min(buckets, bucketsEach(Math.min(curves, MAX_CURVES)))),
      };
      const chart = await metrics.chart(run, key ?? null, wanted, MAX_CURVES, request.signal);
      const { series, truncated } = withinLimit(
        chart.series.map(({ curve, buckets: filled }) => {
          return { run: metrics.runOf(curve), key: curve.key, ...columns(filled) };
        }),
      );
      return { status: 200, body: { grid: chart.grid, series, truncated: truncated || curves > MAX_CURVES } };
    },

    reportMetrics: async ({ params: { id }, body }) => {
      await metrics.report(id, recordsOf(body, new Date()));
      return { status: 204, body: null };
    },

    followMetrics: async ({ params: { id }, reply }) => {
      // Refuses what is not there before the answer begins.
      await metrics.list(id);
      return {
        status: 200,
        headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
        body: Readable.from(follow(metrics, id, reply, closing), { objectMode: false }),
      };
    },
  };
}

function bucketsEach(curves: number): number {
  return Math.floor((MAX_ANSWER_BYTES / curves - CURVE_BYTES) / BUCKET_BYTES);
}

/** The first curves that fit into an answer. */
function withinLimit(all: ChartView["series"]): Pick<ChartView, "series" | "truncated"> {
  let left = MAX_ANSWER_BYTES - CURVE_BYTES;
  const series = all.filter((one) => (left -= Buffer.byteLength(JSON.stringify(one)) + 1) >= 0);
  return { series, truncated: series.length < all.length };
}

/** Every metric at first, then those that have new points. Each event is whole, so one that was missed is no loss. */
async function* follow(
  metrics: MetricService,
  id: string,
  reply: Parameters<typeof requestSignal>[0],
  closing: AbortSignal,
): AsyncGenerator<string> {
  using request = requestSignal(reply, closing);
  const counts = new Map<string, number>();
  yield `retry: ${NEWS_MS}\n\n`;
  while (!request.signal.aborted) {
    const { run, summaries } = await metrics.list(id);
    const news = summaries.filter(({ key, count }) => counts.get(key) !== count);
    for (const { key, count } of news) counts.set(key, count);
    if (news.length > 0) yield `event: metrics\ndata: ${JSON.stringify(news.map(viewMetric))}\n\n`;
    else yield ": still here\n\n";
    if (isTerminal(run.state)) {
      yield `event: end\ndata: {}\n\n`;
      return;
    }
    // Never rejects but for a failure: the loop looks at the client.
    await waitUpTo(HEARTBEAT_MS / 1000, reply, closing, (signal) => metrics.waitForNews(id, signal));
  }
}

export function viewMetric({ key, count, last, lastStep, lastAt, min, max }: MetricSummary): MetricView {
  const best = bestOf(key) === "min" ? min : max;
  return {
    key,
    count,
    min,
    max,
    best,
    last: valueOf(last),
    lastStep: valueOf(lastStep),
    lastAt: lastAt.toISOString(),
  };
}

function columns(buckets: readonly Bucket[]): Omit<ChartView["series"][number], "run" | "key"> {
  const field = (bucket: Bucket, name: keyof typeof FIELD): number => bucket.node[FIELD[name]] as number;
  const odd = (bucket: Bucket): number =>
    field(bucket, "nan") + field(bucket, "positiveInfinite") + field(bucket, "negativeInfinite");
  const notFinite = buckets.map(odd);
  return {
    bucket: buckets.map(({ index }) => index),
    min: buckets.map((bucket) => shortOrNull(field(bucket, "min"))),
    max: buckets.map((bucket) => shortOrNull(field(bucket, "max"))),
    mean: buckets.map((bucket) => shortOrNull(field(bucket, "sum") / (field(bucket, "count") - odd(bucket)))),
    last: buckets.map((bucket) => valueOf(short(field(bucket, "last")))),
    count: buckets.map((bucket) => field(bucket, "count")),
    ...(notFinite.some((count) => count > 0) ? { notFinite } : {}),
  };
}

function valueOf(value: number): Value {
  return Number.isFinite(value) ? value : (String(value) as Value);
}

/** More digits than a screen has pixels would be most of the answer. */
function short(value: number): number {
  return Number(value.toPrecision(6));
}

function shortOrNull(value: number): number | null {
  return Number.isFinite(value) ? short(value) : null;
}

function recordsOf(body: Reports, now: Date): readonly MetricRecord[] {
  return (Array.isArray(body) ? body : [body]).map(({ step = null, time, values }) => ({
    group: "",
    at: time === undefined ? now : new Date(time * 1000),
    isOwnTime: time !== undefined,
    step,
    etimes: step === null ? {} : { step: { type: Number.isInteger(step) ? "INT" : "FLOAT", value: step } },
    values: Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, { type: "FLOAT" as const, value: Number(value) }]),
    ),
    subId: null,
  }));
}
