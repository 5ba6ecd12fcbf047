// `npm run bench`: measures what the project promises, beside its peers and floors, and keeps the raw figures in
// `bench/results/`. `npm run bench -- NAME ... [--full]` measures only these, or as long as the goals demand.
import { parseArgs } from "node:util";
import { acceptToStart } from "./accept-to-start.ts";
import { archive } from "./archive.ts";
import { commandLine } from "./command-line.ts";
import { durableSubmits } from "./durable-submits.ts";
import { endToState } from "./end-to-state.ts";
import type { Benchmark } from "./harness.ts";
import { install } from "./install.ts";
import { logIndex } from "./log-index.ts";
import { logLatency } from "./log-latency.ts";
import { logThroughput } from "./log-throughput.ts";
import { machineFacts } from "./machine.ts";
import { metrics } from "./metrics.ts";
import { Report } from "./report.ts";
import { staging } from "./staging.ts";
import { startUp } from "./start-up.ts";
import { taxOnTraining } from "./tax-on-training.ts";
import { trivialCounts } from "./trivial-counts.ts";
import { trivialRuns } from "./trivial-runs.ts";

const BENCHMARKS: readonly Benchmark[] = [
  acceptToStart,
  endToState,
  durableSubmits,
  trivialRuns,
  trivialCounts,
  startUp,
  commandLine,
  taxOnTraining,
  archive,
  install,
  staging,
  metrics,
  logIndex,
  logLatency,
  logThroughput,
];

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { full: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => BENCHMARKS.every((benchmark) => benchmark.name !== name));
  if (unknown.length > 0) {
    const names = BENCHMARKS.map((benchmark) => benchmark.name).join(", ");
    process.stderr.write(`There is no benchmark '${unknown.join("', '")}'. There are: ${names}.\n`);
    process.exitCode = 2;
    return;
  }
  for (const [name, value] of Object.entries(machineFacts())) process.stdout.write(`${name}: ${value}\n`);
  for (const benchmark of BENCHMARKS) {
    if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue;
    const report = new Report(benchmark.name, benchmark.goal);
    await benchmark.measure(report, { full: values.full });
    report.write();
  }
}

await main();
