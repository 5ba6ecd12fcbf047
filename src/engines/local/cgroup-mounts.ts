import { join } from "node:path";

/** Where this process stands in one hierarchy of control groups. */
export interface CgroupMount {
  /** Its group as the kernel names it, from the root of the hierarchy. */
  readonly group: string;
  /** The same as a directory. */
  readonly directory: string;
}

export interface CgroupMounts {
  readonly v2: CgroupMount | null;
  readonly freezer: CgroupMount | null;
  readonly memory: CgroupMount | null;
}

/**
 * Which hierarchies are mounted, by `/proc/self/mountinfo`, and where this process is in them, by `/proc/self/cgroup`. A machine may
 * have both generations side by side, v2 then usually under `/sys/fs/cgroup/unified`.
 */
export function findCgroupMounts(mountinfo: string, ownGroups: string): CgroupMounts {
  const mounts = mountinfo.split("\n").flatMap(parseMount);
  const own = new Map(ownGroups.split("\n").flatMap(parseOwnGroup));
  const find = (controller: string): CgroupMount | null => {
    const type = controller === "" ? "cgroup2" : "cgroup";
    const group = own.get(controller);
    const mount = mounts.find((one) => one.type === type && (controller === "" || one.options.includes(controller)));
    return group === undefined || mount === undefined ? null : locate(mount, group);
  };
  return { v2: find(""), freezer: find("freezer"), memory: find("memory") };
}

interface Mount {
  readonly type: string;
  /** The group that is mounted: not the root of the hierarchy where a container shows only its own part. */
  readonly root: string;
  readonly directory: string;
  readonly options: readonly string[];
}

/** `35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory`, with any number of fields before the hyphen. */
function parseMount(line: string): readonly Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root, directory] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (root === undefined || directory === undefined || type === undefined || !type.startsWith("cgroup")) return [];
  return [{ type, root, directory, options: options.split(",") }];
}

/** `0::/user.slice` for v2, `4:memory:/batch` or `2:cpu,cpuacct:/` for v1: one entry for each controller. */
function parseOwnGroup(line: string): readonly (readonly [string, string])[] {
  const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
  if (match === null) return [];
  const [, controllers = "", group = "/"] = match;
  return controllers.split(",").map((controller) => [controller, group] as const);
}

function locate(mount: Mount, group: string): CgroupMount | null {
  const isInside = mount.root === "/" || group === mount.root || group.startsWith(`${mount.root}/`);
  // `/..`: the group lies outside of what this container may see.
  if (!isInside || group.split("/").includes("..")) return null;
  return { group, directory: join(mount.directory, mount.root === "/" ? group : group.slice(mount.root.length)) };
}
