import { basename, join } from "node:path";
import { mkdir, rmdir } from "../../base/world-files.ts";
import { kill } from "../../base/world-processes.ts";
import type { Clock } from "../../base/clock.ts";
import { removeAbandonedGroups } from "./abandoned-groups.ts";
import { listGroups, listMembers, readCounter, readLine, removeGroups, tryWrite } from "./cgroup-files.ts";
import { CGROUP_V1, CGROUP_V2, type CgroupVersion } from "./cgroup-version.ts";
import type { Enclosure, ProcessTracker } from "./process-tracker.ts";

export interface CgroupPlace {
  readonly version: CgroupVersion;
  /** Holds one group for each attempt of a learner, and nothing else. Only ours, by its name. */
  readonly parent: string;
  /**
   * The same in the hierarchy that counts memory, where that is another one (v1); null where memory is not counted. With v2 the
   * groups themselves count it, where the kernel lets them.
   */
  readonly memoryParent: string | null;
}

/** A process that waits in the kernel is never frozen, and its siblings must not live on because of it. */
const FREEZE_PATIENCE_MS = 100;

/** Keeps the processes of each attempt in a control group of their own. */
export class CgroupTracker implements ProcessTracker {
  readonly name: string;
  readonly #place: CgroupPlace;
  readonly #clock: Clock;

  constructor(place: CgroupPlace, clock: Clock) {
    this.name = place.version.name;
    this.#place = place;
    this.#clock = clock;
  }

  async create(name: string): Promise<Enclosure | null> {
    const { version, parent, memoryParent } = this.#place;
    if (!(await makeGroup(parent, name))) return null;
    const countsMemory = memoryParent !== null && (await makeGroup(memoryParent, name));
    return new Cgroup(version, join(parent, name), countsMemory ? join(memoryParent, name) : null, this.#clock);
  }

  open(place: string): Enclosure | null {
    const [, version, path] = /^(v[12]):(\/.+)$/.exec(place) ?? [];
    if (path === undefined) return null;
    const { memoryParent } = this.#place;
    const memory = version === "v2" || memoryParent === null ? null : join(memoryParent, basename(path));
    return new Cgroup(version === "v2" ? CGROUP_V2 : CGROUP_V1, path, memory, this.#clock);
  }

  async tidyUp(): Promise<void> {
    const { version, parent, memoryParent } = this.#place;
    for (const name of await listGroups(parent)) {
      // A server that was killed between freezing and killing would leave a shim that can never record the end.
      await tryWrite(join(parent, name, version.freezeFile), version.thawedText);
      await removeGroups(join(parent, name));
    }
    if (memoryParent !== null) {
      for (const name of await listGroups(memoryParent)) await removeGroups(join(memoryParent, name));
    }
    // Refused as long as a learner has its group there.
    for (const empty of [parent, memoryParent]) if (empty !== null) await rmdir(empty).catch(() => undefined);
  }

  async removeAbandoned(): Promise<void> {
    const { parent, memoryParent } = this.#place;
    await removeAbandonedGroups(memoryParent === null ? [parent] : [parent, memoryParent], this.#clock.now().getTime());
  }
}

class Cgroup implements Enclosure {
  readonly place: string;
  readonly means: string;
  readonly entrances: readonly string[];
  readonly #version: CgroupVersion;
  readonly #path: string;
  readonly #memory: string | null;
  readonly #clock: Clock;

  constructor(version: CgroupVersion, path: string, memory: string | null, clock: Clock) {
    this.place = `${version.version}:${path}`;
    this.means = version.name;
    this.entrances = [path, ...(memory === null ? [] : [memory])].map((group) => join(group, "cgroup.procs"));
    this.#version = version;
    this.#path = path;
    this.#memory = memory;
    this.#clock = clock;
  }

  members(): readonly number[] {
    return this.#version.isPopulated(this.#path) === false ? [] : listMembers(this.#path);
  }

  async killAllBut(spared: number | null): Promise<void> {
    const { killFile } = this.#version;
    if (this.#victims(spared).length === 0) return;
    const spares = spared !== null && this.members().includes(spared);
    if (!spares && killFile !== null && (await tryWrite(join(this.#path, killFile), "1"))) return;
    // Frozen, so that the list is complete and none of its numbers changes hands before the signal.
    await this.#freeze();
    try {
      for (const pid of this.#victims(spared)) end(pid);
    } finally {
      await this.#set(this.#version.thawedText);
    }
  }

  outOfMemoryKills(): number {
    const counted = readCounter(join(this.#path, "memory.events"), "oom_kill");
    if (counted !== null || this.#memory === null) return counted ?? 0;
    return readCounter(join(this.#memory, "memory.oom_control"), "oom_kill") ?? 0;
  }

  async remove(): Promise<boolean> {
    const isRemoved = await removeGroups(this.#path);
    return (this.#memory === null || (await removeGroups(this.#memory))) && isRemoved;
  }

  #victims(spared: number | null): readonly number[] {
    return this.members().filter((pid) => pid !== spared && pid !== process.pid);
  }

  async #freeze(): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + FREEZE_PATIENCE_MS;
    await this.#set(this.#version.frozenText);
    while (!this.#version.isFrozen(this.#path) && this.#clock.monotonicMs() < deadlineMs) await this.#clock.sleep(1);
  }

  async #set(text: string): Promise<void> {
    await tryWrite(join(this.#path, this.#version.freezeFile), text);
  }
}

/** With its parent, which is removed when it is empty. */
async function makeGroup(parent: string, name: string): Promise<boolean> {
  const path = join(parent, name);
  if ((await tryMake(path)) === "made") return true;
  if ((await tryMake(parent)) === "made") await countMemory(parent);
  return (await tryMake(path)) === "made";
}

/** Lets the groups below count their memory, where the kernel has handed that down to this one. */
async function countMemory(parent: string): Promise<void> {
  const handedDown = readLine(join(parent, "cgroup.controllers"))?.split(" ") ?? [];
  if (handedDown.includes("memory")) await tryWrite(join(parent, "cgroup.subtree_control"), "+memory");
}

async function tryMake(path: string): Promise<"made" | "refused"> {
  return mkdir(path).then(
    () => "made",
    (error: unknown) => (error instanceof Error && "code" in error && error.code === "EEXIST" ? "made" : "refused"),
  );
}

function end(pid: number): void {
  try {
    kill(pid, "SIGKILL");
  } catch {
    // ESRCH: it has ended. EPERM: it runs as another account; whoever waits for the group to be empty reports it by name.
  }
}
