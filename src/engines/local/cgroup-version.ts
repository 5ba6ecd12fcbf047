import { join } from "node:path";
import { readCounter, readLine } from "./cgroup-files.ts";

/** In what the two generations of control groups differ, as far as we use them. */
export interface CgroupVersion {
  readonly version: "v1" | "v2";
  readonly name: string;
  readonly freezeFile: string;
  readonly frozenText: string;
  readonly thawedText: string;
  /** Kills a group with all groups below it at one stroke; null where there is no such file. */
  readonly killFile: string | null;
  isFrozen(group: string): boolean;
  /** Whether a process is in the group or below it, told without listing them; null where it takes the list. */
  isPopulated(group: string): boolean | null;
}

export const CGROUP_V2: CgroupVersion = {
  version: "v2",
  name: "cgroup v2",
  freezeFile: "cgroup.freeze",
  frozenText: "1",
  thawedText: "0",
  killFile: "cgroup.kill",
  isFrozen: (group) => readCounter(join(group, "cgroup.events"), "frozen") === 1,
  isPopulated: (group) => readCounter(join(group, "cgroup.events"), "populated") === 1,
};

/** Its freezer is the one hierarchy of v1 that can stop all processes of a group, which a list needs to be complete. */
export const CGROUP_V1: CgroupVersion = {
  version: "v1",
  name: "cgroup v1 (freezer)",
  freezeFile: "freezer.state",
  frozenText: "FROZEN",
  thawedText: "THAWED",
  killFile: null,
  isFrozen: (group) => readLine(join(group, "freezer.state")) === "FROZEN",
  isPopulated: () => null,
};
