import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { fillHome } from "./ended-runs.ts";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { cpuMsWithChildren } from "./machine.ts";
import { atMost, type Report } from "./report.ts";
import { makeTemporaryFolder, ROOT, smallEnvironment, startService, TRAINYARD } from "./service.ts";
import { ratioOf } from "./statistics.ts";

const PAIRS = { usual: 30, full: 100 };
const STORED_RUNS = 200;
const CODE_LIMIT_BYTES = 300_000;

/** P12: `trainyard list` against a server with some runs, beside a Node that does nothing. */
export const commandLine: Benchmark = {
  name: "command-line",
  goal: "P12: trainyard list; JavaScript loaded before the request",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("command-line");
    const home = join(folder.path, "home");
    await fillHome(home, STORED_RUNS);
    await using _service = await startService(home);
    const environment = (cache: string) => ({
      TRAINYARD_HOME: home,
      NODE_COMPILE_CACHE: join(folder.path, `compile-cache-${cache}`),
    });
    const node = timed(
      "node -e 0",
      process.execPath,
      () => ["-e", "0"],
      () => ({}),
    );
    const warm = timed(
      "list",
      TRAINYARD,
      () => ["list"],
      () => environment("warm"),
    );
    const cold = timed(
      "list, nothing compiled before",
      TRAINYARD,
      () => ["list"],
      (pair) => environment(`cold-${pair}`),
    );
    const samples = await interleave(full ? PAIRS.full : PAIRS.usual, [warm, node, cold], 2);
    for (const [index, { name }] of [warm, node, cold].entries()) {
      report.samples(`${name}, by the clock`, "ms", pluck(samples[index] ?? [], "wallMs"));
      report.samples(`${name}, CPU`, "ms", pluck(samples[index] ?? [], "cpuMs"));
    }
    const [warmMs = [], nodeMs = [], coldMs = []] = samples.map((side) => pluck(side, "wallMs"));
    report.estimate("list: times node -e 0", " x", ratioOf(warmMs, nodeMs), atMost(1.5));
    report.estimate("list, nothing compiled before: times node -e 0", " x", ratioOf(coldMs, nodeMs));
    await countLoadedCode(report, environment("warm"), join(folder.path, "loaded.jsonl"));
  },
};

function timed(
  name: string,
  program: string,
  args: () => readonly string[],
  environment: (pair: number) => Record<string, string>,
): Side {
  return {
    name,
    sample: async (pair) => {
      const [cpuBefore, own, startMs] = [cpuMsWithChildren("self"), process.cpuUsage(), performance.now()];
      await run(program, args(), environment(pair));
      const wallMs = performance.now() - startMs;
      const { user, system } = process.cpuUsage(own);
      return { wallMs, cpuMs: cpuMsWithChildren("self") - cpuBefore - (user + system) / 1000 };
    },
  };
}

async function run(program: string, args: readonly string[], environment: Record<string, string>): Promise<void> {
  const env = { ...smallEnvironment(), ...environment };
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.resume();
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${child.exitCode}: ${said}`);
}

async function countLoadedCode(report: Report, environment: Record<string, string>, target: string): Promise<void> {
  const hook = pathToFileURL(join(import.meta.dirname, "loaded-code.ts")).href;
  await run(TRAINYARD, ["list"], {
    ...environment,
    NODE_OPTIONS: `--import ${hook}`,
    TRAINYARD_BENCH_LOADED: target,
  });
  for (const line of (await readFile(target, "utf8")).trim().split("\n")) {
    const { moment, files, bytes, loaded } = JSON.parse(line) as LoadedCode;
    const before = moment === "request" ? "before the request" : "in all";
    report.figure(`JavaScript loaded ${before}`, " bytes", bytes, atMost(CODE_LIMIT_BYTES));
    report.fact(`files loaded ${before}`, files);
    if (moment !== "request") continue;
    const largest = loaded.toSorted((a, b) => b[1] - a[1]).slice(0, 5);
    const root = pathToFileURL(ROOT).href;
    report.fact("the largest", largest.map(([url, size]) => `${url.replace(`${root}/`, "")} ${size}`).join(", "));
  }
}

interface LoadedCode {
  readonly moment: "request" | "end";
  readonly files: number;
  readonly bytes: number;
  readonly loaded: readonly (readonly [url: string, bytes: number])[];
}
