import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listGroups, removeGroups } from "./cgroup-files.ts";

/** The groups of a home; `choose-tracker.ts` gives them their names. */
const GROUP_OF_A_HOME = /^trainyard-[0-9a-f]{12}$/;

/** A server that lives has a process in each group that it means to keep, and puts it there within milliseconds. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/**
 * Removes the groups of other homes that have stood empty for an hour: of servers that were killed, and whose home no server has been
 * started with again. Never one that has a process, for the kernel refuses that.
 */
export async function removeAbandonedGroups(parents: readonly string[], nowMs: number): Promise<void> {
  for (const parent of parents) {
    const directory = dirname(parent);
    for (const name of await listGroups(directory)) {
      const group = join(directory, name);
      if (group === parent || !GROUP_OF_A_HOME.test(name)) continue;
      const below = (await listGroups(group)).map((child) => join(group, child));
      if (!(await areOlder([group, ...below], nowMs - ABANDONED_AFTER_MS))) continue;
      // One after the other, for the first that has a process would hold up the rest.
      for (const one of [...below, group]) await removeGroups(one);
    }
  }
}

/** The kernel tells a time of change that is never too early. */
async function areOlder(groups: readonly string[], thanMs: number): Promise<boolean> {
  const facts = await Promise.all(groups.map(async (group) => stat(group).catch(() => null)));
  return facts.every((found) => found !== null && found.mtimeMs < thanMs);
}
