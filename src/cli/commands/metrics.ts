import { setTimeout as pause } from "node:timers/promises";
import { Option } from "@commander-js/extra-typings";
import type { Client } from "../../client/client.ts";
import { persist } from "../../client/persist.ts";
import type { ChartView, MetricList, MetricView, Value } from "../../contract/metrics.ts";
import { didYouMean } from "../did-you-mean.ts";
import { CliError } from "../cli-error.ts";
import { connect, say, type Context } from "../context.ts";
import { type Program } from "../options.ts";
import { sayRetry } from "../detach.ts";
import { sparkline } from "../output/sparkline.ts";
import { formatTable } from "../output/table.ts";
import { findRunId } from "../run-reference.ts";
import { addMetricsPreview } from "./metrics-preview.ts";

const SPARKLINE_BUCKETS = 24;
/** Keys whose curves are drawn at once. */
const PORTION = 50;
const WATCH_MS = 2000;

type Axis = "step" | "time";

export function addMetrics(program: Program, context: Context): void {
  const metrics = program
    .command("metrics")
    .summary("show a run's metrics, found by themselves or as its manifest says")
    .description("Show a run's metrics: latest, smallest, largest and best value of each, and its curve.")
    .usage("[options] <id> [key...]")
    .argument("<id>", "the run's id, the beginning of one, or @ for the newest run")
    .argument("[key...]", "only these metrics")
    .option("-w, --watch", "print the table again and again until the run ends")
    .addOption(
      new Option("--axis <axis>", "draw the curves over steps or time").choices(["step", "time"]).default("step"),
    )
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json", "csv"]).default("table"))
    .action(async (text, keys, { watch, axis, output }) => {
      const client = await connect(context);
      const id = await findRunId(client, text);
      const patience = watch === true ? { onRetry: sayRetry(context) } : { isWorthIt: () => false };
      for (;;) {
        const [list, shownNow] = await persist(async () => {
          const now = await read(client, id, keys);
          return [now, await textOf(client, now, output, axis)] as const;
        }, patience);
        await context.io.stdout.write(shownNow);
        if (list.metrics.length === 0 && output === "table") await say(context, "No metrics yet.");
        if (watch !== true || list.isComplete) return;
        await pause(WATCH_MS);
        if (output === "table") await context.io.stdout.write("\n");
      }
    });
  addMetricsPreview(metrics, context);
}

async function read(client: Client, id: string, keys: readonly string[]): Promise<MetricList> {
  const list = await client.call("listMetrics", { params: { id } });
  const known = list.metrics.map(({ key }) => key);
  const missing = keys.find((key) => !known.includes(key));
  if (missing !== undefined && list.isComplete) {
    throw new CliError(
      2,
      `Run ${id} has no metric '${missing}'${didYouMean(missing, known)}.`,
      `It has: ${known.join(", ")}.`,
    );
  }
  return keys.length === 0 ? list : { ...list, metrics: list.metrics.filter(({ key }) => keys.includes(key)) };
}

async function textOf(client: Client, list: MetricList, output: string, axis: Axis): Promise<string> {
  if (output === "json") return `${JSON.stringify(list, null, 2)}\n`;
  if (output === "csv") return csv(list.metrics);
  const curves = new Map<string, ChartView["series"][number]>();
  for (let from = 0; from < list.metrics.length; from += PORTION) {
    const key = list.metrics.slice(from, from + PORTION).map((metric) => metric.key);
    const query = { run: [list.run], key, axis, buckets: SPARKLINE_BUCKETS };
    const chart = await client.call("drawChart", { query });
    for (const one of chart.series) curves.set(one.key, one);
  }
  return table(list.metrics, curves);
}

async function table(
  metrics: readonly MetricView[],
  curves: ReadonlyMap<string, ChartView["series"][number]>,
): Promise<string> {
  return await formatTable(
    [
      { title: "METRIC", value: ({ key }: MetricView) => key },
      { title: "LAST", value: ({ last }) => shown(last) },
      { title: "MIN", value: ({ min }) => shown(min) },
      { title: "MAX", value: ({ max }) => shown(max) },
      { title: "BEST", value: ({ best }) => shown(best) },
      { title: "STEP", value: ({ lastStep }) => shown(lastStep) },
      { title: "CURVE", value: ({ key }) => curveOf(curves.get(key)) },
    ],
    metrics,
  );
}

function curveOf(series: ChartView["series"][number] | undefined): string {
  if (series === undefined) return "";
  const values: (number | null)[] = [];
  series.bucket.forEach((bucket, i) => {
    while (values.length < bucket) values.push(null);
    values.push(series.mean[i] ?? null);
  });
  return sparkline(values);
}

function shown(value: Value | null): string {
  if (value === null) return "";
  if (typeof value !== "number") return value;
  // A count of bytes is one number or another; digits of a fraction are noise.
  return Number.isSafeInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

function csv(metrics: readonly MetricView[]): string {
  const rows = metrics.map(({ key, last, min, max, best, lastStep, lastAt, count }) =>
    [key, last, min, max, best, lastStep, lastAt, count].map(cell).join(","),
  );
  return ["key,last,min,max,best,step,time,count", ...rows].map((row) => `${row}\n`).join("");
}

/** RFC 4180: quotes where a text would be taken for more than one cell. */
function cell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
