import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Benchmark } from "./harness.ts";
import { cpuMsAlone, cpuMsWithChildren } from "./machine.ts";
import { atMost, type Report } from "./report.ts";
import { makeTemporaryFolder, makeZip, type Service, shellManifest, startService } from "./service.ts";
import { openSubmitter, type Submitter } from "./submitter.ts";

const CLIENTS = 8;
const SLOTS = [2, 8];
const TIMED = { usual: 100, full: 400 };
const TRACED = 40;
const STRACE_READY_MS = 500;
const LOOK_MS = 50;
const UNENDED = ["pending", "downloading", "running", "storing"];

/** Shown one by one where they come this often for each run. */
const OFTEN = 4;

/** The counts that have a limit of their own, by what a line of strace looks like. Paths stand in it, as `-y` writes them. */
const COUNTED: readonly { readonly name: string; readonly line: RegExp; readonly limit?: number }[] = [
  { name: "commits", line: /\bf(?:data)?sync\(\d+<[^>]*trainyard\.db-wal>/, limit: 6 },
  { name: "syncs outside the database", line: /\bf(?:data)?sync\(\d+<(?![^>]*trainyard\.db)|\bsyncfs\(/, limit: 4 },
  { name: "processes", line: /(?:\bv?fork\(|\bclone3?\((?!.*CLONE_THREAD))/, limit: 2 },
  { name: "programs executed", line: /\bexecve\(.* = 0$/ },
  { name: "looks at all processes", line: /\bopenat\([^,]*, "\/proc"/ },
  { name: "folders made", line: /\bmkdir(?:at)?\(.* = 0$/ },
  { name: "folders removed", line: /(?:\brmdir\(|AT_REMOVEDIR).* = 0$/ },
  { name: "files made", line: /\bopenat\(.*O_CREAT.* = \d+<|\blinkat?\(.* = 0$/ },
  { name: "files removed", line: /\bunlink(?:at)?\((?!.*AT_REMOVEDIR).* = 0$/ },
];

/** P3 in counts, which a busy machine does not change: what the server and a trivial run ask of the kernel. */
export const trivialCounts: Benchmark = {
  name: "trivial-counts",
  goal: "P3: what a trivial run costs, in system calls and CPU time",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("counts");
    for (const slots of SLOTS) await measure(report, join(folder.path, `home-${slots}`), slots, full);
  },
};

async function measure(report: Report, home: string, slots: number, full: boolean): Promise<void> {
  await mkdir(home);
  await writeFile(join(home, "trainyard.yaml"), `devices:\n  cpu_slots: ${slots}\n`);
  await using service = await startService(home);
  const zip = await makeZip({ "nothing.txt": "The command needs no file.\n" });
  using submitter = openSubmitter(service, zip, shellManifest("true"), CLIENTS);
  const label = `${slots} slots`;
  await runAll(service, submitter, TRACED);
  const runs = full ? TIMED.full : TIMED.usual;
  const [alone, together] = [cpuMsAlone(service.pid), cpuMsWithChildren(service.pid)];
  await runAll(service, submitter, runs);
  report.figure(`${label}: CPU of the server`, " ms a run", (cpuMsAlone(service.pid) - alone) / runs);
  report.figure(`${label}: CPU with its programs`, " ms a run", (cpuMsWithChildren(service.pid) - together) / runs);
  if (spawnSync("strace", ["-V"]).status !== 0) return report.leftOut("counts", "strace is not installed");
  const lines = await trace(service, async () => runAll(service, submitter, TRACED));
  for (const { name, line, limit } of COUNTED) {
    const count = lines.filter((text) => line.test(text)).length / TRACED;
    report.figure(`${label}: ${name}`, " a run", count, limit === undefined ? undefined : atMost(limit));
  }
  for (const [name, count] of byCall(lines))
    if (count >= OFTEN) report.figure(`${label}: ${name}`, " calls a run", count);
}

/** Every system call that the server, all its threads and all its programs make meanwhile, a line for each. */
async function trace(service: Service, work: () => Promise<void>): Promise<readonly string[]> {
  const output = `${service.home}.calls`;
  const strace = spawn("strace", ["-f", "-y", "-s", "200", "-o", output, "-p", String(service.pid)], {
    stdio: "ignore",
  });
  await delay(STRACE_READY_MS);
  await work();
  const exited = once(strace, "exit");
  strace.kill("SIGINT");
  await exited;
  return joined((await readFile(output, "latin1")).split("\n"));
}

/** A call that others came between stands in two lines, which belong together. */
function joined(lines: readonly string[]): readonly string[] {
  const begun = new Map<string, string>();
  return lines.flatMap((line) => {
    const [, pid = "", call = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (call.endsWith(" <unfinished ...>")) {
      begun.set(pid, call.slice(0, -" <unfinished ...>".length));
      return [];
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call)?.[1];
    return [resumed === undefined ? call : `${begun.get(pid) ?? ""}${resumed}`];
  });
}

function byCall(lines: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const perRun = [...counts].map(([name, count]) => [name, count / TRACED] as const);
  return perRun.toSorted(([, one], [, other]) => other - one);
}

async function runAll(service: Service, submitter: Submitter, count: number): Promise<void> {
  await submitter.submit(count);
  for (const state of UNENDED) while ((await service.list(state, 1)).length > 0) await delay(LOOK_MS);
}
