import { describe, expect, it } from "vitest";
import { findCgroupMounts } from "./cgroup-mounts.ts";

const HYBRID = `
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:7 master:3 - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;

describe("findCgroupMounts", () => {
  it("finds both generations where they are mounted side by side", () => {
    const own = "9:name=systemd:/\n6:freezer:/\n4:memory:/batch/7\n2:cpu,cpuacct:/\n0::/\n";
    expect(findCgroupMounts(HYBRID, own)).toEqual({
      v2: { group: "/", directory: "/sys/fs/cgroup/unified/" },
      freezer: { group: "/", directory: "/sys/fs/cgroup/freezer/" },
      memory: { group: "/batch/7", directory: "/sys/fs/cgroup/memory/batch/7" },
    });
  });

  it("finds v2 alone, where a service manager has put this process", () => {
    const mounts =
      "29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
    expect(findCgroupMounts(mounts, "0::/system.slice/trainyard.service\n")).toEqual({
      v2: { group: "/system.slice/trainyard.service", directory: "/sys/fs/cgroup/system.slice/trainyard.service" },
      freezer: null,
      memory: null,
    });
  });

  it.for([
    ["the part of a hierarchy that a container shows", "/docker/7", "/docker/7/a", "/cg/a"],
    ["its own group, mounted as the root", "/docker/7", "/docker/7", "/cg/"],
    ["nothing where the group lies outside of what is mounted", "/docker/7", "/docker/77", null],
    ["nothing where the group lies outside of what may be seen", "/", "/../batch", null],
  ] as const)("finds %s", ([, root, group, directory]) => {
    const { v2 } = findCgroupMounts(`29 22 0:26 ${root} /cg rw - cgroup2 cgroup2 rw\n`, `0::${group}\n`);
    expect(v2?.directory ?? null).toBe(directory === "/cg/" ? "/cg" : directory);
  });

  it("finds nothing on a machine without them", () => {
    expect(findCgroupMounts("21 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "")).toEqual({
      v2: null,
      freezer: null,
      memory: null,
    });
  });
});
