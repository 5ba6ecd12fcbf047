import { spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { cpuMsAlone, cpuMsWithChildren, residentMb } from "./machine.ts";
import { atMost, type Report } from "./report.ts";
import {
  makeTemporaryFolder,
  makeZip,
  type Service,
  shellManifest,
  smallEnvironment,
  startService,
} from "./service.ts";
import { differenceOf, ratioOf } from "./statistics.ts";

const PROGRAM = join(import.meta.dirname, "training-loop.mjs");
const PAIRS = { usual: { pairs: 12, seconds: 1.5 }, full: { pairs: 20, seconds: 60 } };
const FIXED_COST_PAIRS = { usual: 20, full: 60 };
const LIVE_RUNS = 100;
const WATCH_S = 30;
/** CPU time in a second that counts as doing nothing; and how long to wait for such a second. */
const QUIET_MS = 10;
const QUIET_PATIENCE_S = 20;

/** P4: what a training loses by running under Trainyard, and what the service takes while runs go on. */
export const taxOnTraining: Benchmark = {
  name: "tax-on-training",
  goal: "P4: tax on training; fixed cost of a run; CPU of the server with 100 idle runs",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("tax");
    const home = join(folder.path, "home");
    await mkdir(home);
    await writeFile(join(home, "trainyard.yaml"), `devices:\n  cpu_slots: ${LIVE_RUNS}\n`);
    {
      await using service = await startService(home);
      const bareFolder = join(folder.path, "bare");
      await mkdir(bareFolder);
      await measureLoop(report, service, bareFolder, full);
      await measureFixedCost(report, service, bareFolder, full);
    }
    await measureIdleRuns(report, home);
  },
};

/** The same loop, bare and as a run. `wallMs` is what its user waits for; the loop times itself too. */
async function measureLoop(report: Report, service: Service, bareFolder: string, full: boolean): Promise<void> {
  const { pairs, seconds } = full ? PAIRS.full : PAIRS.usual;
  await copyFile(PROGRAM, join(bareFolder, "training-loop.mjs"));
  const times = join(bareFolder, "loop.json");
  const command = (rounds: number): string => `${process.execPath} training-loop.mjs ${rounds} ${times}`;
  const readTimes = async () => JSON.parse(await readFile(times, "utf8")) as { loopMs: number; loopCpuMs: number };
  const probe = 100;
  await runBare(command(probe), bareFolder);
  const rounds = Math.ceil((probe * seconds * 1000) / (await readTimes()).loopMs);
  report.fact("training loop", `${rounds} rounds, each with a line of output; about ${seconds} s`);

  const zip = await makeZip({ "training-loop.mjs": await readFile(PROGRAM, "utf8") });
  const timed = (name: string, run: () => Promise<void>): Side => ({
    name,
    sample: async () => ({ wallMs: await timeOf(run), ...(await readTimes()) }),
  });
  const [bareSamples = [], ourSamples = []] = await interleave(pairs, [
    timed("bare", async () => runBare(command(rounds), bareFolder)),
    timed("trainyard", async () => runToEnd(service, zip, command(rounds))),
  ]);
  for (const figure of ["loopMs", "loopCpuMs", "wallMs"]) {
    report.samples(`bare, ${figure}`, "ms", pluck(bareSamples, figure));
    report.samples(`trainyard, ${figure}`, "ms", pluck(ourSamples, figure));
  }
  const tax = (figure: string) => ratioOf(pluck(ourSamples, figure), pluck(bareSamples, figure));
  report.estimate("loop by the clock: times bare", " x", tax("loopMs"), atMost(1.005));
  report.estimate("loop in CPU time: times bare", " x", tax("loopCpuMs"), atMost(1.005));
}

/** A program that does nothing: from the submission until its submitter knows that it has completed. */
async function measureFixedCost(report: Report, service: Service, bareFolder: string, full: boolean): Promise<void> {
  const zip = await makeZip({ "nothing.txt": "The command needs no file.\n" });
  const timed = (name: string, run: () => Promise<void>): Side => ({
    name,
    sample: async () => ({ wallMs: await timeOf(run) }),
  });
  const cpuBefore = cpuMsWithChildren(service.pid);
  const pairs = full ? FIXED_COST_PAIRS.full : FIXED_COST_PAIRS.usual;
  const [bareSamples = [], ourSamples = []] = await interleave(pairs, [
    timed("bare", async () => runBare("true", bareFolder)),
    timed("trainyard", async () => runToEnd(service, zip, "true")),
  ]);
  const cpuMs = (cpuMsWithChildren(service.pid) - cpuBefore) / (pairs + 1);
  const [bare, ours] = [pluck(bareSamples, "wallMs"), pluck(ourSamples, "wallMs")];
  report.samples("bare, true", "ms", bare);
  report.samples("trainyard, true", "ms", ours);
  report.estimate("fixed cost of a run", " ms", differenceOf(ours, bare), atMost(150));
  report.figure("CPU of the server and the run, true", " ms", cpuMs);
}

/** One sample of each takes half a minute, so there are no pairs: the share of a core is a count of ticks over time. */
async function measureIdleRuns(report: Report, home: string): Promise<void> {
  // Of the server alone: what it looks for after its start, it lets other programs find out.
  const share = async (service: Service, seconds: number): Promise<number> => {
    await untilQuiet(service.pid);
    const [cpuBefore, before] = [cpuMsAlone(service.pid), performance.now()];
    await delay(seconds * 1000);
    return (100 * (cpuMsAlone(service.pid) - cpuBefore)) / (performance.now() - before);
  };
  {
    await using service = await startService(home);
    report.figure("CPU of the server without runs", " % of a core", await share(service, WATCH_S / 3));
    report.figure("memory of the server without runs", " MB", residentMb(service.pid));
    await startSleepers(service);
    const name = `CPU of the server with ${LIVE_RUNS} idle runs`;
    report.figure(name, " % of a core", await share(service, WATCH_S), atMost(0.5));
    report.figure(`memory of the server with ${LIVE_RUNS} idle runs`, " MB", residentMb(service.pid));
  }
  // It ended and its runs went on. The next server did not start them, so their end does not come to it as an event.
  await using next = await startService(home);
  report.figure("start of a server that takes them over", " ms", next.readyMs);
  const name = `CPU of the server with ${LIVE_RUNS} idle runs that it took over`;
  report.figure(name, " % of a core", await share(next, WATCH_S), atMost(0.5));
  const live = await next.list("running");
  const startMs = performance.now();
  for (const { id } of live) await next.stopRun(id);
  for (const { id } of live) await next.waitForEnd(id);
  report.figure(`end of ${live.length} runs by stop`, " ms", performance.now() - startMs);
}

/** A server that has just started still looks at what this machine offers. */
async function untilQuiet(pid: number): Promise<void> {
  for (let second = 1; second <= QUIET_PATIENCE_S; second += 1) {
    const before = cpuMsAlone(pid);
    await delay(1000);
    if (cpuMsAlone(pid) - before <= QUIET_MS) return;
  }
}

async function startSleepers(service: Service): Promise<void> {
  const zip = await makeZip({ "nothing.txt": "The command needs no file.\n" });
  // Not for ever: if this benchmark is killed, they end by themselves.
  for (let run = 0; run < LIVE_RUNS; run += 1) await service.submit(zip, shellManifest("exec sleep 300"));
  while ((await service.list("running")).length < LIVE_RUNS) await delay(100);
}

async function runToEnd(service: Service, zip: Uint8Array, command: string): Promise<void> {
  const { id } = await service.submit(zip, shellManifest(command));
  const { state, failure } = await service.waitForEnd(id);
  if (state !== "completed") throw new Error(`Run ${id} ended as ${state}: ${failure?.message}`);
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** With its output into a file, as whoever runs a training without us would keep it. */
async function runBare(command: string, folder: string): Promise<void> {
  await using log = await open(join(folder, "output.txt"), "w");
  const stdio: StdioOptions = ["ignore", log.fd, log.fd];
  await once(spawn("bash", ["-c", command], { cwd: folder, env: smallEnvironment(), stdio }), "exit");
}
