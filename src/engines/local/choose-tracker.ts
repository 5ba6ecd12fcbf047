import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { mkdir, rmdir } from "../../base/world-files.ts";
import type { Clock } from "../../base/clock.ts";
import { removeGroups } from "./cgroup-files.ts";
import { type CgroupMount, findCgroupMounts } from "./cgroup-mounts.ts";
import { CgroupTracker, type CgroupPlace } from "./cgroup-tracker.ts";
import { CGROUP_V1, CGROUP_V2, type CgroupVersion } from "./cgroup-version.ts";
import { NO_TRACKER, type ProcessTracker } from "./process-tracker.ts";

/** How long the kernel may take to let a process into a group. Usually 15 ms, since it waits for all processors. */
const PROBE_LIMIT_MS = 5_000;

/** The means that a server with this home uses here: the first that works when it is tried, from the strongest on. */
export async function chooseTracker(home: string, clock: Clock): Promise<ProcessTracker> {
  const [strongest] = await findTrackers(home, clock);
  return strongest ?? NO_TRACKER;
}

/** The same for a server that starts: what a server before it has left is tidied up. */
export async function openTracker(home: string, clock: Clock): Promise<ProcessTracker> {
  const tracker = await chooseTracker(home, clock);
  await tracker.tidyUp();
  return tracker;
}

/**
 * All means of the kernel that work here when they are tried, the strongest first. Groups are made below the server's own group,
 * where whoever runs the server has put it, so that its limits hold for the learners too.
 */
export async function findTrackers(home: string, clock: Clock): Promise<readonly ProcessTracker[]> {
  const name = `trainyard-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`;
  const mounts = findCgroupMounts(readProc("/proc/self/mountinfo"), readProc("/proc/self/cgroup"));
  const places = [
    await tryPlace(CGROUP_V2, mounts.v2, null, name),
    await tryPlace(CGROUP_V1, mounts.freezer, mounts.memory, name),
  ];
  return places.filter((place) => place !== null).map((place) => new CgroupTracker(place, clock));
}

async function tryPlace(
  version: CgroupVersion,
  own: CgroupMount | null,
  memory: CgroupMount | null,
  name: string,
): Promise<CgroupPlace | null> {
  // A blank would end the field of the claim that it is written in.
  if (own === null || /\s/.test(own.directory)) return null;
  const parent = join(own.directory, name);
  if (!(await canHoldProcesses(version, parent))) return null;
  // Where the server stands elsewhere in the hierarchy of memory, somebody manages memory apart; a group of ours would be in the way.
  const isManagedAlike = memory !== null && memory.group === own.group;
  return { version, parent, memoryParent: isManagedAlike ? join(memory.directory, name) : null };
}

/** Only what works is believed: a group can be made, a process gets in, and the kernel says so. Leaves nothing behind. */
async function canHoldProcesses({ freezeFile }: CgroupVersion, parent: string): Promise<boolean> {
  const probe = join(parent, `probe-${process.pid}`);
  try {
    await mkdir(probe, { recursive: true });
    if (!existsSync(join(probe, freezeFile))) return false;
    await promisify(execFile)("/bin/sh", ["-c", ENTER_AND_LOOK, "probe", probe], { timeout: PROBE_LIMIT_MS });
    return true;
  } catch {
    // The group, or the way into it, was refused; or the process was not found in it.
    return false;
  } finally {
    await removeGroups(probe);
    // Refused as long as another server's start, or a learner, has its group there.
    await rmdir(parent).catch(() => undefined);
  }
}

const ENTER_AND_LOOK = `
echo 0 >"$1/cgroup.procs" || exit 1
while read -r pid; do [ "$pid" = $$ ] && exit 0; done <"$1/cgroup.procs"
exit 1`;

function readProc(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // A kernel without control groups.
    return "";
  }
}
