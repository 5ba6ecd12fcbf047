import { closeSync, openSync, readFileSync, readSync, readdirSync, type Stats, statSync } from "node:fs";

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
  /** Clock ticks from the machine's start to the process's. */
  readonly startTime: number;
}

/** The name stands in parentheses and may itself hold blanks, parentheses and newlines, so the last `)` ends it. */
export function parseProcessStat(text: string): ProcessStat | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return null;
  const fields = text.slice(close + 2).split(" ");
  const [pid, parent, group, session, startTime] = [
    text.slice(0, open),
    fields[1],
    fields[2],
    fields[3],
    fields[19],
  ].map(Number);
  const state = fields[0];
  if (pid === undefined || parent === undefined || group === undefined || session === undefined) return null;
  if (state === undefined || startTime === undefined || Number.isNaN(startTime)) return null;
  return { pid, name: text.slice(open + 1, close), state, parent, group, session, startTime };
}

/** The process with this pid now, dead ones that nobody has collected included; null when there is none. */
export function readProcess(pid: number): ProcessStat | null {
  const text = readSmallFile(`/proc/${pid}/stat`);
  return text === null ? null : parseProcessStat(text);
}

/** Whether the process is over, though its parent may not have asked for its end yet. */
export function isDead(process: ProcessStat): boolean {
  return process.state === "Z" || process.state === "X";
}

export function listPids(): readonly number[] {
  const pids: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid)) pids.push(pid);
  }
  return pids;
}

/** Whether the environment that the process was started with holds exactly this entry. Other accounts' processes cannot be read: false. */
export function hasEnvironmentEntry(pid: number, entry: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`.includes(`\0${entry}\0`);
  } catch {
    // The process has ended meanwhile, or belongs to somebody else.
    return false;
  }
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
