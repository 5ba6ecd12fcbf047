import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { cpuMsWithChildren } from "./machine.ts";
import { startGraphileWorker } from "./peers/graphile-worker.ts";
import { startSlurm } from "./peers/slurm.ts";
import { startTaskSpooler } from "./peers/task-spooler.ts";
import { atLeast, atMost, type Report } from "./report.ts";
import { makeTemporaryFolder, makeZip, shellManifest, startService } from "./service.ts";
import { exactClock, StartWitness } from "./start-witness.ts";
import { median, quantile, ratioOf } from "./statistics.ts";

const PAIRS = { usual: 60, full: 400 };
const CPU_RUNS = 25;
const SLOTS = 4;
/** For what a side does after the start of the program; the next measurement must find it idle. */
const REST_MS = 25;

/** Something that starts a command for whoever submits it. */
interface Starter {
  readonly name: string;
  /** Resolves when the submitter knows that it is accepted, with a way to wait for the end of all that it causes. */
  submit(command: string): Promise<() => Promise<void>>;
  /** As `submit` and its end, so that the CPU time of everything it took is counted by `cpuMs`. */
  runToEnd(command: string): Promise<void>;
  cpuMs(): number;
}

/**
 * P1: how long an idle service takes from a submission to the start of the program. Beside it, by turns: the bare
 * start of the same program, Task Spooler, Slurm, and Graphile Worker with a handler that starts it.
 */
export const acceptToStart: Benchmark = {
  name: "accept-to-start",
  goal: "P1: accept -> user's process started, idle service, small ZIP, no data",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("start");
    await using parts = new AsyncDisposableStack();
    const starters = [await trainyard(parts, folder.path, report), bareStart()];
    starters.push(...(await peers(parts, folder.path, report)));
    const witness = new StartWitness(`${folder.path}/witness`);
    const sides = starters.map((starter) => sideOf(starter, witness));
    const samples = await interleave(full ? PAIRS.full : PAIRS.usual, sides, 3);
    for (const [index, { name }] of starters.entries()) {
      report.samples(`${name}, start`, "ms", pluck(samples[index] ?? [], "startMs"));
      report.samples(`${name}, answer`, "ms", pluck(samples[index] ?? [], "answerMs"));
    }
    const startMs = (name: string): readonly number[] =>
      pluck(samples[starters.findIndex((starter) => starter.name === name)] ?? [], "startMs");
    judge(
      report,
      starters.map((starter) => starter.name),
      startMs,
    );
    for (const starter of starters)
      report.figure(`${starter.name}, CPU for each`, " ms", await cpuFor(starter, witness));
  },
};

function judge(report: Report, names: readonly string[], startMs: (name: string) => readonly number[]): void {
  const ours = startMs("trainyard");
  for (const name of names.filter((other) => other !== "trainyard" && other !== "slurm")) {
    // Its handler starts the program as the bare spawn does: this is what a durable queue and one spawn take together.
    const goal = name === "graphile-worker" ? atMost(2) : undefined;
    report.estimate(`trainyard, start: times ${name}`, " x", ratioOf(ours, startMs(name)), goal);
  }
  const slurm = startMs("slurm");
  if (slurm.length > 0) report.estimate("slurm, start: times trainyard", " x", ratioOf(slurm, ours), atLeast(20));
  report.figure("trainyard, start: p99 over median", " x", quantile(ours, 0.99) / median(ours), atMost(5));
}

function sideOf(starter: Starter, witness: StartWitness): Side<{ startMs: number; answerMs: number }> {
  return {
    name: starter.name,
    sample: async () => {
      const expected = await witness.next();
      const now = exactClock();
      const submittedAt = now();
      const ended = await starter.submit(expected.command);
      const answeredAt = now();
      const start = await expected.startedAt();
      await ended();
      await delay(REST_MS);
      return { startMs: start - submittedAt, answerMs: answeredAt - submittedAt };
    },
  };
}

async function cpuFor(starter: Starter, witness: StartWitness): Promise<number> {
  const before = starter.cpuMs();
  for (let run = 0; run < CPU_RUNS; run += 1) await starter.runToEnd((await witness.next()).command);
  return (starter.cpuMs() - before) / CPU_RUNS;
}

async function trainyard(parts: AsyncDisposableStack, folder: string, report: Report): Promise<Starter> {
  const service = parts.use(await startService(`${folder}/home`));
  const program = "import sys\nprint('a training program')\n".repeat(140);
  const zip = await makeZip({ "convolutional_network.py": program, "input_data.py": program });
  report.fact("model definition", `2 files, ${zip.length} bytes zipped`);
  const submit = async (command: string): Promise<() => Promise<void>> => {
    const { id } = await service.submit(zip, shellManifest(command));
    return async () => {
      const { state } = await service.waitForEnd(id);
      if (state !== "completed") throw new Error(`Run ${id} ended as ${state}.`);
    };
  };
  return {
    name: "trainyard",
    submit,
    runToEnd: async (command) => (await submit(command))(),
    cpuMs: () => cpuMsWithChildren(service.pid),
  };
}

/** The floor: the same program, started by a Node process. */
function bareStart(): Starter {
  const runToEnd = async (command: string): Promise<void> => {
    await once(spawn("bash", ["-c", command], { stdio: "ignore" }), "exit");
  };
  return {
    name: "bare spawn",
    submit: async (command) => {
      const child = spawn("bash", ["-c", command], { stdio: "ignore" });
      const exited = once(child, "exit");
      await once(child, "spawn");
      return async () => void (await exited);
    },
    runToEnd,
    cpuMs: () => cpuMsWithChildren("self"),
  };
}

async function peers(parts: AsyncDisposableStack, folder: string, report: Report): Promise<readonly Starter[]> {
  const found: Starter[] = [];
  const spooler = startTaskSpooler(folder, SLOTS);
  if (spooler === undefined) report.leftOut("task-spooler", "tsp is not installed (Debian: task-spooler)");
  else {
    parts.use(spooler);
    report.fact("task-spooler", spooler.version);
    found.push({
      name: "task-spooler",
      submit: async (command) => {
        await spooler.submit(command);
        return async () => {};
      },
      runToEnd: async (command) => spooler.runToEnd(command),
      cpuMs: () => spooler.serverCpuMs() + cpuMsWithChildren("self"),
    });
  }
  const worker = await startGraphileWorker(folder);
  if (typeof worker === "string") report.leftOut("graphile-worker", worker);
  else {
    parts.use(worker);
    report.fact("graphile-worker", worker.version);
    found.push({
      name: "graphile-worker",
      submit: async (command) => {
        await worker.submit(command);
        return async () => {};
      },
      runToEnd: async (command) => {
        await worker.submit(command);
        await delay(REST_MS);
      },
      cpuMs: () => worker.cpuMs(),
    });
  }
  const slurm = await startSlurm();
  if (typeof slurm === "string") report.leftOut("Slurm", slurm);
  else {
    parts.use(slurm);
    report.fact("slurm", slurm.version);
    found.push({
      name: "slurm",
      submit: async (command) => {
        await slurm.submit(command);
        return async () => slurm.untilIdle();
      },
      runToEnd: async (command) => {
        await slurm.submit(command);
        await slurm.untilIdle();
      },
      cpuMs: () => slurm.cpuMs(),
    });
  }
  return found;
}
