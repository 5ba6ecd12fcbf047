import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { startBullMq } from "./peers/bullmq.ts";
import { atLeast, atMost, type Report } from "./report.ts";
import { makeTemporaryFolder, makeZip, type Service, shellManifest, startService } from "./service.ts";
import { quantile, ratioOf } from "./statistics.ts";
import { openSubmitter, type Submitter } from "./submitter.ts";

const CLIENTS = 32;
const BATCH = { usual: 500, full: 1_000 };
const PAIRS = 12;
const MANY = 10_000;
const LATENCIES = 200;
/** How long submissions go on before the server is killed. */
const KILLED_AFTER_MS = 1_500;
const STRACE_READY_MS = 500;

/** P2: submissions that are on disk when they are answered, beside plain SQLite inserts of the same bytes and BullMQ. */
export const durableSubmits: Benchmark = {
  name: "durable-submits",
  goal: "P2: durable submits per second through HTTP, 32 clients; syncs; after kill -9 each 201 is there",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("submits");
    const program = "import sys\nprint('a training program')\n".repeat(140);
    const zip = await makeZip({ "main.py": program, "input_data.py": program });
    const manifest = shellManifest("true");
    report.fact("submission", `${zip.byteLength} bytes of ZIP, ${manifest.length} of manifest`);
    await measureRates(report, folder.path, zip, manifest, full ? BATCH.full : BATCH.usual);
    await measureKill(report, join(folder.path, "killed"), zip, manifest);
  },
};

/** A server whose only slot is taken, so that what is submitted waits and nothing else goes on. */
async function startBusyService(home: string, zip: Uint8Array): Promise<Service> {
  await mkdir(home);
  await writeFile(join(home, "trainyard.yaml"), "devices:\n  cpu_slots: 1\n");
  const service = await startService(home);
  const { id } = await service.submit(zip, shellManifest("exec sleep 600"));
  while ((await service.list("running")).every((run) => run.id !== id)) await delay(50);
  return service;
}

async function measureRates(
  report: Report,
  folder: string,
  zip: Uint8Array,
  manifest: string,
  batch: number,
): Promise<void> {
  await using service = await startBusyService(join(folder, "home"), zip);
  await using parts = new AsyncDisposableStack();
  using submitter = openSubmitter(service, zip, manifest, CLIENTS);
  const sides = [rateOf("trainyard", batch, async () => void (await submitter.submit(batch)))];
  const database = parts.adopt(openPlainDatabase(join(folder, "plain.db")), (open) => open.close());
  const insert = database.prepare("insert into submission (manifest, zip) values (?, ?)");
  sides.push(
    rateOf("raw SQLite", batch, async () => {
      for (let row = 0; row < batch; row += 1) insert.run(manifest, zip);
    }),
  );
  const bull = await startBullMq(folder);
  if (typeof bull === "string") report.leftOut("BullMQ", bull);
  else {
    parts.use(bull);
    report.fact("bullmq", bull.version);
    const payload = { manifest, zip: Buffer.from(zip).toString("base64") };
    const add = async (): Promise<void> => bull.add(payload);
    sides.push(rateOf("bullmq", batch, async () => inParallel(batch, add)));
  }
  const samples = await interleave(PAIRS, sides);
  const perSecond = samples.map((side) => pluck(side, "perSecond"));
  for (const [index, { name }] of sides.entries()) report.samples(name, "/s", perSecond[index] ?? []);
  const [ours = [], ...others] = perSecond;
  for (const [index, theirs] of others.entries()) {
    const name = sides[index + 1]?.name ?? "";
    report.estimate(
      `trainyard: times ${name}`,
      " x",
      ratioOf(ours, theirs),
      name === "raw SQLite" ? atLeast(1) : undefined,
    );
  }
  await countSyncs(report, service, submitter);
  await measureMany(report, service, submitter, openSubmitter(service, zip, manifest, 1));
  await endSleeper(service);
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

async function inParallel(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const client = async (): Promise<void> => {
    while ((left -= 1) >= 0) await work();
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

/** The floor: one row in one synced commit for each submission, by this process itself. */
function openPlainDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal; pragma synchronous = full");
  database.exec("create table submission (key integer primary key, manifest text not null, zip blob not null) strict");
  return database;
}

/** Of the server and all its threads, as the kernel sees them. */
async function countSyncs(report: Report, service: Service, submitter: Submitter): Promise<void> {
  if (spawnSync("strace", ["-V"]).status !== 0) return report.leftOut("count of syncs", "strace is not installed");
  const output = `${service.home}.syncs`;
  const calls = "trace=fsync,fdatasync,msync,sync_file_range,syncfs,sync";
  const trace = spawn("strace", ["-f", "-e", calls, "-o", output, "-p", String(service.pid)], { stdio: "ignore" });
  await delay(STRACE_READY_MS);
  await submitter.submit(1_000);
  const exited = once(trace, "exit");
  trace.kill("SIGINT");
  await exited;
  const count = (await readFile(output, "latin1")).split("\n").filter((line) => /sync\w*\(/.test(line)).length;
  report.figure("syncs of the disk for 1,000 submissions", "", count, atMost(100));
}

/** What those who do something else feel while thousands wait. */
async function measureMany(report: Report, service: Service, submitter: Submitter, alone: Submitter): Promise<void> {
  using _ = alone;
  const waiting = async (): Promise<void> => {
    const [list, submit] = [[] as number[], [] as number[]];
    for (let look = 0; look < LATENCIES; look += 1) {
      const startMs = performance.now();
      await service.list("pending", 20);
      list.push(performance.now() - startMs);
      submit.push(await alone.timeOne());
    }
    report.samples("list, one page of the queue", "ms", list);
    report.samples("submit, alone", "ms", submit);
    report.figure("list: p99", " ms", quantile(list, 0.99));
    report.figure("submit: p99", " ms", quantile(submit, 0.99));
  };
  await waiting();
  const startMs = performance.now();
  await submitter.submit(MANY);
  report.figure(`${MANY} submissions over ${CLIENTS} connections`, " s", (performance.now() - startMs) / 1000);
  await waiting();
}

/** Every submission that was answered must be there when the server comes back. */
async function measureKill(report: Report, home: string, zip: Uint8Array, manifest: string): Promise<void> {
  let acknowledged: readonly string[];
  {
    const service = await startBusyService(home, zip);
    using submitter = openSubmitter(service, zip, manifest, CLIENTS);
    const storm = submitter.submit(1_000_000);
    await delay(KILLED_AFTER_MS);
    await service.kill();
    acknowledged = await storm;
  }
  await using next = await startService(home);
  const lost = [];
  for (const id of acknowledged) if (!(await next.has(id))) lost.push(id);
  report.figure("answered with 201 before kill -9", " runs", acknowledged.length);
  report.figure("of these gone afterwards", " runs", lost.length, atMost(0));
  await endSleeper(next);
}

async function endSleeper(service: Service): Promise<void> {
  for (const { id } of await service.list("running")) await service.stopRun(id);
}
