import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { CliError, fileNotReadable, wrongUse } from "../cli-error.ts";
import { say, type Context } from "../context.ts";
import { factOf } from "../files.ts";
import { readFilledManifest } from "../filled-manifest.ts";
import { outputOption } from "../options.ts";
import { printData } from "../output/format.ts";
import { formatTable } from "../output/table.ts";
import type { CollectorOrder } from "../../metrics/thread/collector-order.ts";

/** A metric as it would be found. */
interface Found {
  readonly key: string;
  count: number;
  readonly first: string;
  last: string;
  lastStep: number | null;
}

/** Names of groups in a pattern that say where a value belongs, not what it is. */
const POSITION = /^(?:step|steps|epoch|iteration|iter|batch)$/iu;

/** A command below `metrics`; it asks no server. */
export function addMetricsPreview(metrics: CommandUnknownOpts, context: Context): void {
  metrics
    .command("preview")
    .summary("show what would be found in a log")
    .description("Show which metrics would be found in a log, by themselves, by a pattern, or as a manifest says.")
    .argument("<log>", "a training log")
    .option(
      "--pattern <regex>",
      "a regular expression with named groups, as in a manifest: (?P<step>\\d+) .* (?P<loss>%{FLOAT})",
    )
    .option("--manifest <file>", "a manifest with 'evaluation_metrics' of the type regex_extractor")
    .addOption(outputOption("table", "json", "yaml"))
    .action(async (path, { pattern, manifest, output }) => {
      if (pattern !== undefined && manifest !== undefined) {
        throw wrongUse("--pattern and --manifest exclude each other.", "Leave one of them out.");
      }
      const order = await orderOf(context, pattern, manifest);
      const { found, warnings } = await collect(resolve(context.io.cwd, path), path, order);
      await printData(context.io, output, { found, warnings }, { table: () => tableOf(found), name: () => "" });
      if (output !== "table") return;
      for (const warning of warnings) await say(context, `Warning: ${warning}`);
      if (found.length === 0) await say(context, "Nothing would be found.");
    });
}

async function orderOf(
  context: Context,
  pattern: string | undefined,
  manifest: string | undefined,
): Promise<CollectorOrder> {
  if (pattern !== undefined) {
    await refuseBroken(pattern);
    const names = [...pattern.matchAll(/\(\?P?<(\w+)>|%\{\w+:(\w+)\}/gu)].map(([, name, macro]) => name ?? macro ?? "");
    const fields = names.map((name) => ({ key: name, type: "FLOAT" as const, value: `$${name}` }));
    const [etimes, scalars] = [true, false].map((is) => fields.filter(({ key }) => POSITION.test(key) === is));
    return {
      kind: "patterns",
      groups: [{ label: "", regex: pattern, meta: {}, scalars: scalars ?? [], etimes: etimes ?? [] }],
      lookahead: null,
    };
  }
  return manifest === undefined ? { kind: "log" } : await orderOfManifest(context, manifest);
}

async function refuseBroken(pattern: string): Promise<void> {
  const { compilePython, PatternError } = await import("../../metrics/pattern/python-pattern.ts");
  try {
    compilePython(pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    // Behind the pattern as it was translated, which nobody has typed.
    const fact = error.message.replace(/^\/.*\/[a-z]*: /su, "");
    throw wrongUse(`The pattern '${pattern}' cannot be used: ${fact}.`, "Write it as Python's re has them.");
  }
}

async function orderOfManifest(context: Context, path: string): Promise<CollectorOrder> {
  const { readManifest } = await import("../../manifest/read-manifest.ts");
  const { metricSources } = await import("../../metrics/sources/metric-sources.ts");
  const { bytes } = await readFilledManifest(context, { path: resolve(context.io.cwd, path), shown: path });
  const { spec, problems } = readManifest(bytes, path);
  if (spec === null)
    throw new CliError(2, `${path}: ${problems[0]?.message ?? "It cannot be read."}`, "Run: trainyard check");
  const { files } = metricSources(spec.evaluationMetrics, { logs: "/", state: "/", results: "/", code: "/" });
  const [log] = files.filter(({ order }) => order.kind !== "ibm");
  if (log !== undefined) return log.order;
  throw wrongUse(
    `By the manifest '${path}' no metric comes from the log.`,
    "Leave --manifest out to see what is found by itself.",
  );
}

async function collect(
  path: string,
  shown: string,
  order: CollectorOrder,
): Promise<{ readonly found: readonly Found[]; readonly warnings: readonly string[] }> {
  const { makeCollector } = await import("../../metrics/thread/collector-order.ts");
  const { pointsOf } = await import("../../metrics/metric-record.ts");
  const { bannerBytes } = await import("../../metrics/sources/log-banner.ts");
  const collector = makeCollector(order);
  const now = new Date(0);
  const found = new Map<string, Found>();
  const warnings: string[] = [];
  const keep = (collected: ReturnType<typeof collector.push>): void => {
    warnings.push(...collected.warnings);
    for (const { key, step, value } of collected.records.flatMap(pointsOf)) {
      const known = found.get(key);
      if (known === undefined)
        found.set(key, { key, count: 1, first: String(value), last: String(value), lastStep: step });
      else Object.assign(known, { count: known.count + 1, last: String(value), lastStep: step });
    }
  };
  let isFirst = true;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
      keep(collector.push(isFirst ? chunk.subarray(bannerBytes(chunk)) : chunk, now));
      isFirst = false;
    }
  } catch (error) {
    throw fileNotReadable(shown, factOf(error));
  }
  keep(collector.finish(now));
  return { found: [...found.values()], warnings };
}

async function tableOf(found: readonly Found[]): Promise<string> {
  return await formatTable(
    [
      { title: "METRIC", value: ({ key }: Found) => key },
      { title: "POINTS", value: ({ count }) => String(count) },
      { title: "FIRST", value: ({ first }) => first },
      { title: "LAST", value: ({ last }) => last },
      { title: "LAST STEP", value: ({ lastStep }) => (lastStep === null ? "" : String(lastStep)) },
    ],
    found,
  );
}
