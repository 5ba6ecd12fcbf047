import { statSync } from "node:fs";
import { join } from "node:path";
import { readBeginning } from "../../base/read-beginning.ts";
import { writeFile } from "../../base/world-files.ts";

/** Who holds an attempt, as its shim wrote it. */
export interface Claim {
  readonly pid: number;
  readonly startTime: number;
  readonly bootId: string;
  /** The place of the enclosure that its processes are in (`process-tracker.ts`); `-` for none. */
  readonly enclosure: string;
  /** The UUIDs of the NVIDIA GPUs that were granted to it, with commas between them; `-` for none. */
  readonly gpus: string;
}

/** Room for a claim with the UUIDs of a thousand devices. */
const MAX_RECORD_BYTES = 64 * 1024;

/** In a claim, what there is none of. */
export const NONE = "-";

export interface EndRecord {
  /** As the shell saw it: 128 + n for signal n. */
  readonly exitCode: number;
  readonly endedAt: Date;
  readonly outOfMemory: boolean;
}

/** The beginning of the paths of an attempt's records; the shim appends `.pid` and `.exit`. */
export function recordPrefix(directory: string, attempt: number): string {
  return join(directory, `attempt-${attempt}`);
}

export function endRecord(prefix: string): string {
  return `${prefix}.exit`;
}

/**
 * Says that the kernel ended a process of the attempt since memory ran out. Written before the enclosure that told it is removed. A
 * disk that takes nothing any more costs the fact only after a crash of the server.
 */
export async function writeMemoryRecord(prefix: string): Promise<void> {
  await writeFile(memoryRecord(prefix), "").catch(() => undefined);
}

function memoryRecord(prefix: string): string {
  return `${prefix}.out-of-memory`;
}

/** `unfinished`: somebody has taken the attempt and not yet, or never, finished the line that says who. */
export function readClaim(prefix: string): Claim | "unfinished" | null {
  const text = readIfPresent(`${prefix}.pid`);
  if (text === null) return null;
  const match = /^(\d+) (\d+) ([0-9a-f-]+)(?: (\S+) (\S+))?\n$/.exec(text);
  if (match === null) return "unfinished";
  const [, pid, startTime, bootId = "", enclosure = NONE, gpus = NONE] = match;
  return { pid: Number(pid), startTime: Number(startTime), bootId, enclosure, gpus };
}

/** Null as long as the shim has not recorded the end completely. */
export function readEnd(prefix: string): EndRecord | null {
  const path = endRecord(prefix);
  const text = readIfPresent(path);
  const match = text === null ? null : /^(\d{1,3})\n$/.exec(text);
  if (match === null) return null;
  const exitCode = Number(match[1]);
  const outOfMemory = exitCode !== 0 && readIfPresent(memoryRecord(prefix)) !== null;
  return { exitCode, endedAt: statSync(path).mtime, outOfMemory };
}

/**
 * Synchronous: for a line on the disk that the database is on as well, a way through Node's thread pool and back costs many times the read
 * itself. What the program has put in its place, a pipe or a link, holds no line.
 */
function readIfPresent(path: string): string | null {
  try {
    return readBeginning(path, MAX_RECORD_BYTES).toString("latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
