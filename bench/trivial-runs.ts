import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { cpuMsWithChildren } from "./machine.ts";
import { startSlurm } from "./peers/slurm.ts";
import { startTaskSpooler } from "./peers/task-spooler.ts";
import { atLeast, type Report } from "./report.ts";
import { makeTemporaryFolder, makeZip, type Service, shellManifest, startService } from "./service.ts";
import { ratioOf } from "./statistics.ts";
import { openSubmitter, type Submitter } from "./submitter.ts";

const SLOTS = 2;
const CLIENTS = 8;
const PAIRS = 12;
const BATCH = { usual: 50, full: 200 };
/** Slurm takes long for each; fewer samples of fewer elements, beside a batch of ours as small. */
const SLURM = { pairs: 3, batch: 20 };
const LOOK_MS = 5;
const UNENDED = ["pending", "downloading", "running", "storing"];

/** P3: runs that do nothing, from the first submission to the last one's durable end, with logs and exit codes kept. */
export const trivialRuns: Benchmark = {
  name: "trivial-runs",
  goal: "P3: whole life of trivial runs, all states durable, log and exit code kept, 2 slots",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("trivial");
    const home = join(folder.path, "home");
    await mkdir(home);
    await writeFile(join(home, "trainyard.yaml"), `devices:\n  cpu_slots: ${SLOTS}\n`);
    await using service = await startService(home);
    const zip = await makeZip({ "nothing.txt": "The command needs no file.\n" });
    using submitter = openSubmitter(service, zip, shellManifest("true"), CLIENTS);
    const ours = (batch: number): Side<{ perSecond: number }> =>
      rateOf("trainyard", batch, async () => runAll(service, submitter, batch));
    await besideTaskSpooler(report, folder.path, ours, full ? BATCH.full : BATCH.usual);
    await besideSlurm(report, ours);
    const cpuBefore = cpuMsWithChildren(service.pid);
    await runAll(service, submitter, BATCH.usual);
    report.figure("CPU of the server and the run", " ms", (cpuMsWithChildren(service.pid) - cpuBefore) / BATCH.usual);
    const failed = await service.list("failed");
    if (failed.length > 0) throw new Error(`${failed.length} runs failed: ${failed[0]?.failure?.message ?? ""}`);
  },
};

type Ours = (batch: number) => Side<{ perSecond: number }>;

async function besideTaskSpooler(report: Report, folder: string, ours: Ours, batch: number): Promise<void> {
  const spooler = startTaskSpooler(folder, SLOTS);
  if (spooler === undefined) return report.leftOut("task-spooler", "tsp is not installed (Debian: task-spooler)");
  using _ = spooler;
  report.fact("task-spooler", spooler.version);
  const theirs = rateOf("task-spooler", batch, async () => spooler.runMany(["true"], batch));
  await compare(report, PAIRS, ours(batch), theirs, 1);
}

async function besideSlurm(report: Report, ours: Ours): Promise<void> {
  const slurm = await startSlurm();
  if (typeof slurm === "string") return report.leftOut("Slurm", slurm);
  await using _ = slurm;
  report.fact("slurm", slurm.version);
  const { batch, pairs } = SLURM;
  const theirs = rateOf("slurm array", batch, async () => slurm.runArray("true", batch, SLOTS));
  await compare(report, pairs, ours(batch), theirs, 10);
}

async function compare(
  report: Report,
  pairs: number,
  ours: Side<{ perSecond: number }>,
  theirs: Side<{ perSecond: number }>,
  goal: number,
): Promise<void> {
  const [our = [], their = []] = await interleave(pairs, [ours, theirs]);
  const [a, b] = [pluck(our, "perSecond"), pluck(their, "perSecond")];
  report.samples(`${ours.name}, beside ${theirs.name}`, "/s", a);
  report.samples(theirs.name, "/s", b);
  report.estimate(`trainyard: times ${theirs.name}`, " x", ratioOf(a, b), atLeast(goal));
}

function rateOf(name: string, batch: number, work: () => Promise<void>): Side<{ perSecond: number }> {
  return {
    name,
    sample: async () => {
      const startMs = performance.now();
      await work();
      return { perSecond: (1000 * batch) / (performance.now() - startMs) };
    },
  };
}

async function runAll(service: Service, submitter: Submitter, count: number): Promise<void> {
  await submitter.submit(count);
  for (const state of UNENDED) while ((await service.list(state, 1)).length > 0) await delay(LOOK_MS);
}
