import { closeSync, existsSync, openSync, readFileSync, readSync, readdirSync, type Stats, statSync } from "node:fs";

/** One process as the kernel tells of it. `pid` and `startTime` together name it for good: a pid alone is used again. */
export interface ProcessStat {
  readonly pid: number;
  /** The name of the program, as the process may have changed it. */
  readonly name: string;
  /** One letter: R, S, D (waits in the kernel and cannot be killed), T (stopped), Z (dead, not collected), X. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Those that live. A process whose first thread is over shows as dead and goes on in the others. */
  readonly threads: number;
  /** Clock ticks from the machine's start to the process's. */
  readonly startTime: number;
  /** Whether the kernel runs it for itself. */
  readonly isKernelThread: boolean;
}

/** PF_KTHREAD, of the flags in `stat`. */
const KERNEL_THREAD = 0x00200000;

/** The name stands in parentheses and may itself hold blanks, parentheses and newlines, so the last `)` ends it. */
export function parseProcessStat(text: string): ProcessStat | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return null;
  const fields = text.slice(close + 2).split(" ");
  const state = fields[0];
  const numbers = [fields[1], fields[2], fields[3], fields[6], fields[17], fields[19], text.slice(0, open)].map(Number);
  const [parent, group, session, flags, threads, startTime, pid] = numbers;
  if (state === undefined || numbers.some(Number.isNaN)) return null;
  if (parent === undefined || group === undefined || session === undefined || flags === undefined) return null;
  if (threads === undefined || startTime === undefined || pid === undefined) return null;
  const isKernelThread = (flags & KERNEL_THREAD) !== 0;
  return { pid, name: text.slice(open + 1, close), state, parent, group, session, threads, startTime, isKernelThread };
}

/** The process with this pid now, dead ones that nobody has collected included; null when there is none. */
export function readProcess(pid: number): ProcessStat | null {
  const text = readSmallFile(`/proc/${pid}/stat`);
  return text === null ? null : parseProcessStat(text);
}

/** Whether the process is over, though its parent may not have asked for its end yet. */
export function isDead({ state, threads }: Pick<ProcessStat, "state" | "threads">): boolean {
  return (state === "Z" || state === "X") && threads <= 1;
}

/** Whether some process has this pid now, a dead one that nobody has collected included. */
export function isThere(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

export function listPids(): number[] {
  const pids: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid)) pids.push(pid);
  }
  return pids;
}

/**
 * The environment that the process was started with, each entry between NUL characters; no entries where it belongs to somebody
 * else. Null when it cannot be told: the process has ended, or is just becoming another program.
 */
export function readEnvironment({ pid, state }: Pick<ProcessStat, "pid" | "state">): string | null {
  try {
    const entries = readFileSync(`/proc/${state === "Z" ? livingThread(pid) : pid}/environ`, "latin1");
    return entries === "" ? null : `\0${entries}`;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EACCES" ? "\0" : null;
  }
}

/** A first thread that is over has no environment any more; the others still have it. */
function livingThread(pid: number): string {
  const thread = readdirSync(`/proc/${pid}/task`).find((id) => id !== String(pid));
  return thread === undefined ? String(pid) : `${pid}/task/${thread}`;
}

/** Whether a descriptor of the process leads to this file, by whatever name it was opened. */
export function isOpenOn(pid: number, descriptor: number, file: Pick<Stats, "dev" | "ino">): boolean {
  try {
    const target = statSync(`/proc/${pid}/fd/${descriptor}`);
    return target.dev === file.dev && target.ino === file.ino;
  } catch {
    // The descriptor is closed, the process has ended, or it belongs to somebody else.
    return false;
  }
}

/**
 * The number that was given away last. Numbers are given in order, so what is younger than a process has a greater one, as long as
 * they have not come round since.
 */
export function readLastPid(): number | null {
  const pid = Number(readSmallFile("/proc/loadavg")?.trim().split(" ").at(-1));
  return Number.isNaN(pid) ? null : pid;
}

/** Clock ticks from the machine's start to now; the kernel counts 100 a second for all who ask. */
export function readUptimeTicks(): number {
  return Number(readSmallFile("/proc/uptime")?.split(" ")[0]) * 100;
}

/** Changes with every start of the machine. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

const buffer = Buffer.allocUnsafe(4096);

/**
 * Reads through one buffer: a look at all processes reads hundreds of these files, and their stat lines are short.
 * Synchronous, since a round trip through Node's thread pool costs many times the read itself.
 */
function readSmallFile(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    // The process has ended between the listing and this look.
    return null;
  }
  try {
    return buffer.toString("latin1", 0, readSync(file, buffer, 0, buffer.length, 0));
  } catch {
    // ESRCH: it has ended between opening and reading.
    return null;
  } finally {
    closeSync(file);
  }
}
