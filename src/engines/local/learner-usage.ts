import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ResourceUsage } from "../resource-meter.ts";
import { gpusOf, type LearnerHandle } from "./learner-handle.ts";
import { listPids, readProcess } from "./proc.ts";
import type { ProcessTracker } from "./process-tracker.ts";

/** USER_HZ, which is 100 on every Linux that this runs on (proc(5)). */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
/** A tree with more processes is looked at in part; nothing that runs every few seconds may cost without a bound. */
const MOST_PROCESSES = 500;

/**
 * What the learner's processes use now. The control group counts CPU and memory of the whole tree, also of processes
 * that have ended, where the kernel lets it (cgroup v2); elsewhere the living processes are added up.
 */
export async function usageOfLearner(learner: LearnerHandle, tracker: ProcessTracker): Promise<ResourceUsage | null> {
  const enclosed = tracker.open(learner.enclosure)?.members() ?? [];
  const pids = enclosed.length > 0 ? enclosed : sessionOf(learner.pid);
  if (pids.length === 0) return null;
  const processes = pids
    .slice(0, MOST_PROCESSES)
    .map(usageOfProcess)
    .filter((one) => one !== null);
  const group = /^v2:(\/.+)$/u.exec(learner.enclosure)?.[1] ?? null;
  const cpuUs = group === null ? null : counter(join(group, "cpu.stat"), /^usage_usec (\d+)/mu);
  const memory = group === null ? null : counter(join(group, "memory.current"), /^(\d+)/u);
  const sum = (field: (one: ProcessUsage) => number): number => processes.reduce((all, one) => all + field(one), 0);
  const hasIo = processes.some(({ disk }) => disk !== null);
  return {
    cpuSeconds: cpuUs === null ? sum((one) => one.cpuSeconds) : cpuUs / 1e6,
    memoryBytes: memory ?? sum((one) => one.memoryBytes),
    diskReadBytes: hasIo ? sum(({ disk }) => disk?.read ?? 0) : null,
    diskWrittenBytes: hasIo ? sum(({ disk }) => disk?.written ?? 0) : null,
    gpus: gpusOf(learner),
  };
}

interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly disk: { readonly read: number; readonly written: number } | null;
}

/** Null for one that has ended meanwhile. */
function usageOfProcess(pid: number): ProcessUsage | null {
  const stat = readSmall(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // Behind the name, which may hold anything: state is field 3, utime 14, stime 15, rss 24 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const io = readSmall(`/proc/${pid}/io`);
  const bytes = (name: string): number => Number(new RegExp(`^${name}: (\\d+)`, "mu").exec(io ?? "")?.[1] ?? 0);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    memoryBytes: Number(fields[21]) * PAGE_BYTES,
    disk: io === null ? null : { read: bytes("read_bytes"), written: bytes("write_bytes") },
  };
}

/** Of the kernel's own files, which come from memory: a way through the thread pool would cost ten times the reading. */
function readSmall(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process has ended, or its account is not ours.
    return null;
  }
}

/** The shim leads its session. */
function sessionOf(shim: number): readonly number[] {
  const session = readProcess(shim)?.session;
  return session === undefined ? [] : listPids().filter((pid) => readProcess(pid)?.session === session);
}

function counter(path: string, pattern: RegExp): number | null {
  const text = readSmall(path) ?? "";
  const [, number] = pattern.exec(text) ?? [];
  return number === undefined ? null : Number(number);
}
