import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from "node:os";

/** What a figure means nothing without. */
export function machineFacts(): Readonly<Record<string, string | number>> {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: release(),
    filesystem: firstLine("findmnt", ["-no", "FSTYPE", "-T", tmpdir()]),
    node: process.version,
    commit: firstLine("git", ["rev-parse", "--short", "HEAD"]),
    at: new Date().toISOString(),
  };
}

/** Of the last minute: how many processes wanted a core. Above the number of cores, times mean little. */
export function load(): number {
  return loadavg()[0] ?? Number.NaN;
}

/** The first line that a program prints about itself, on either stream; "not here" when there is no such program or it fails. */
export function firstLine(program: string, args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) return "not here";
  return `${stdout}${stderr}`.trim().split("\n", 1)[0] ?? "";
}

const TICKS_PER_SECOND = 100;

/** CPU time of a process and of those of its children that have ended and been collected, in steps of 10 ms. */
export function cpuMsWithChildren(pid: number | "self"): number {
  const [user = 0, system = 0, ofChildren = 0, systemOfChildren = 0] = cpuTicks(pid);
  return (1000 * (user + system + ofChildren + systemOfChildren)) / TICKS_PER_SECOND;
}

/** CPU time of the process alone, in steps of 10 ms. */
export function cpuMsAlone(pid: number): number {
  const [user = 0, system = 0] = cpuTicks(pid);
  return (1000 * (user + system)) / TICKS_PER_SECOND;
}

function cpuTicks(pid: number | "self"): readonly number[] {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map(Number);
}

/** Resident memory now, in MB. */
export function residentMb(pid: number): number {
  const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
  return (kib * 1024) / 1e6;
}
