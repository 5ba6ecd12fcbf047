import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** Who holds an attempt, as its shim wrote it. */
export interface Claim {
  readonly pid: number;
  readonly startTime: number;
  readonly bootId: string;
}

export interface EndRecord {
  /** As the shell saw it: 128 + n for signal n. */
  readonly exitCode: number;
  readonly endedAt: Date;
}

/** The beginning of the paths of an attempt's records; the shim appends `.pid` and `.exit`. */
export function recordPrefix(directory: string, attempt: number): string {
  return join(directory, `attempt-${attempt}`);
}

export function endRecord(prefix: string): string {
  return `${prefix}.exit`;
}

/** `unfinished`: somebody has taken the attempt and not yet, or never, finished the line that says who. */
export async function readClaim(prefix: string): Promise<Claim | "unfinished" | null> {
  const text = await readIfPresent(`${prefix}.pid`);
  if (text === null) return null;
  const match = /^(\d+) (\d+) ([0-9a-f-]+)\n$/.exec(text);
  if (match === null) return "unfinished";
  const [, pid, startTime, bootId] = match;
  return { pid: Number(pid), startTime: Number(startTime), bootId: bootId ?? "" };
}

/** Null as long as the shim has not recorded the end completely. */
export async function readEnd(prefix: string): Promise<EndRecord | null> {
  const path = endRecord(prefix);
  const text = await readIfPresent(path);
  const match = text === null ? null : /^(\d{1,3})\n$/.exec(text);
  if (match === null) return null;
  return { exitCode: Number(match[1]), endedAt: (await stat(path)).mtime };
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, "latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
