import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fillHome } from "./ended-runs.ts";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { cpuMsWithChildren, residentMb } from "./machine.ts";
import { startRedis } from "./peers/redis.ts";
import { atMost } from "./report.ts";
import { makeTemporaryFolder, smallEnvironment, startService } from "./service.ts";
import { growthExponent, median, ratioOf } from "./statistics.ts";

const PAIRS = 12;
const STORED_RUNS = { usual: [100, 1_000, 10_000], full: [1_000, 10_000, 100_000] };

/** P11: from the start of the process to its ready line, with more and more ended runs in the store. */
export const startUp: Benchmark = {
  name: "start-up",
  goal: "P11: start with ended runs in the store",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("start-up");
    const sizes = full ? STORED_RUNS.full : STORED_RUNS.usual;
    const environment = { NODE_COMPILE_CACHE: join(folder.path, "compile-cache") };
    const sides: Side<StartFigures>[] = [];
    for (const size of sizes) {
      const home = join(folder.path, `home-${size}`);
      await fillHome(home, size);
      sides.push({ name: `trainyard, ${size} runs`, sample: async () => startAndStop(home, environment) });
    }
    sides.push({
      name: "trainyard, nothing compiled before",
      sample: async (pair) =>
        startAndStop(join(folder.path, `home-${sizes[0]}`), {
          NODE_COMPILE_CACHE: join(folder.path, `compile-cache-${pair}`),
        }),
    });
    sides.push({ name: "node -e 0", sample: startBareNode });
    const redis = startRedis(folder.path);
    if (typeof redis === "string") report.leftOut("redis-server", redis);
    else sides.push({ name: redis.version, sample: async () => redis.startAndStop() });

    const samples = await interleave(PAIRS, sides);
    for (const [index, { name }] of sides.entries()) {
      report.samples(`${name}, ready`, "ms", pluck(samples[index] ?? [], "readyMs"));
      report.samples(`${name}, CPU`, "ms", pluck(samples[index] ?? [], "cpuMs"));
      if (!name.startsWith("trainyard")) continue;
      report.samples(`${name}, memory`, "MB", pluck(samples[index] ?? [], "memoryMb"));
      report.samples(`${name}, end`, "ms", pluck(samples[index] ?? [], "endMs"));
    }
    const readyMs = (name: string) => pluck(samples[sides.findIndex((side) => side.name === name)] ?? [], "readyMs");
    const largest = `trainyard, ${sizes.at(-1)} runs`;
    const worst = samples[sizes.length - 1] ?? [];
    report.figure(`${largest}, ready (median)`, " ms", median(pluck(worst, "readyMs")), atMost(1000));
    report.figure(`${largest}, memory (median)`, " MB", median(pluck(worst, "memoryMb")), atMost(250));
    report.estimate(`${largest}: times node -e 0`, " x", ratioOf(readyMs(largest), readyMs("node -e 0")));
    const points = sizes.map((n, index) => ({ n, value: median(pluck(samples[index] ?? [], "readyMs")) }));
    report.figure("growth of the start with the runs stored: exponent", "", growthExponent(points));
  },
};

interface StartFigures extends Readonly<Record<string, number>> {
  readonly readyMs: number;
  readonly cpuMs: number;
  readonly memoryMb: number;
  /** From SIGTERM to the end of the process. */
  readonly endMs: number;
}

async function startAndStop(home: string, environment: Record<string, string>): Promise<StartFigures> {
  const service = await startService(home, environment);
  const { pid, readyMs } = service;
  const atReady = { readyMs, cpuMs: cpuMsWithChildren(pid), memoryMb: residentMb(pid) };
  const endingMs = performance.now();
  await service[Symbol.asyncDispose]();
  return { ...atReady, endMs: performance.now() - endingMs };
}

/** The floor: what Node takes to begin and end with nothing. */
async function startBareNode(): Promise<StartFigures> {
  const cpuBefore = cpuMsWithChildren("self");
  const own = process.cpuUsage();
  const startMs = performance.now();
  await once(spawn(process.execPath, ["-e", "0"], { env: smallEnvironment(), stdio: "ignore" }), "exit");
  const readyMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(own);
  return { readyMs, cpuMs: cpuMsWithChildren("self") - cpuBefore - (user + system) / 1000, memoryMb: 0, endMs: 0 };
}
