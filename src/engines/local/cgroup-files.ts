import { readdirSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { rmdir, writeFile } from "../../base/world-files.ts";

/**
 * The kernel's files of control groups. Reads are synchronous, being a copy from memory. Writes, and making and removing groups, wait for a lock
 * that another process on the machine may hold for 20 ms, so they go through the thread pool.
 */

/** The process numbers in a group and all groups below it; none when it is gone. */
export function listMembers(group: string): number[] {
  const members: number[] = [];
  const groups = [group];
  for (let next = groups.pop(); next !== undefined; next = groups.pop()) {
    // Processes that this process cannot see (those of other containers) are listed as 0.
    members.push(...linesOf(join(next, "cgroup.procs")).map(Number).filter(Boolean));
    groups.push(...subgroupsOf(next));
  }
  return members;
}

/** The value behind a name, as in `populated 1`; null when the file or the name is not there. */
export function readCounter(file: string, name: string): number | null {
  for (const line of linesOf(file)) {
    const [found, value] = line.split(" ");
    if (found === name) return Number(value);
  }
  return null;
}

export function readLine(file: string): string | null {
  return linesOf(file)[0] ?? null;
}

/** False when the kernel refuses it, or the group is gone. */
export async function tryWrite(file: string, text: string): Promise<boolean> {
  return writeFile(file, text).then(
    () => true,
    () => false,
  );
}

/** Removes a group with those below it, the lowest first. False when a process is in one of them. */
export async function removeGroups(group: string): Promise<boolean> {
  const all = [group];
  for (const next of all) all.push(...subgroupsOf(next));
  for (const next of all.reverse()) {
    try {
      await rmdir(next);
    } catch (error) {
      // EBUSY: it has a process. What is not there any more has been removed by somebody else.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) return false;
    }
  }
  return true;
}

export async function listGroups(parent: string): Promise<readonly string[]> {
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function subgroupsOf(group: string): readonly string[] {
  try {
    const entries = readdirSync(group, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(group, name));
  } catch {
    // Removed meanwhile.
    return [];
  }
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "latin1").split("\n").filter(Boolean);
  } catch {
    // ENOENT, ENODEV: the group is gone. EOPNOTSUPP: a threaded group, whose processes the group above lists.
    return [];
  }
}
