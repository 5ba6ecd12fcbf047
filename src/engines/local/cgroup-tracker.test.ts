import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { removeAbandonedGroups } from "./abandoned-groups.ts";
import { CgroupTracker } from "./cgroup-tracker.ts";
import { CGROUP_V1, CGROUP_V2 } from "./cgroup-version.ts";
import { chooseTracker, findTrackers } from "./choose-tracker.ts";
import { isDead, readProcess } from "./proc.ts";
import type { Enclosure } from "./process-tracker.ts";

const trackers = await findTrackers(import.meta.filename, systemClock);

describe.skipIf(trackers.length === 0).for(trackers.map((tracker) => [tracker.name, tracker] as const))(
  "an enclosure of %s",
  ([, tracker]) => {
    it("has as members who entered, what they start, and who is in groups below", async () => {
      await using place = await enclosureOf(tracker.create("test.members"));
      const { enclosure, path } = place;
      const sleeper = await place.enter("sleep 30 & exec sleep 30");
      await mkdir(join(path, "below"));
      const deeper = await place.enter("exec sleep 30", join(path, "below", "cgroup.procs"));
      await vi.waitUntil(() => enclosure.members().length === 3, { timeout: 5_000, interval: 5 });
      expect(enclosure.members()).toEqual(expect.arrayContaining([sleeper, deeper]));
    });

    it("kills all but one, and that one goes on", async () => {
      await using place = await enclosureOf(tracker.create("test.but-one"));
      const { enclosure } = place;
      const spared = await place.enter("while :; do sleep 0.01; done");
      const others = [await place.enter("exec sleep 30"), await place.enter("trap '' TERM; kill -STOP $$; sleep 30")];
      await enclosure.killAllBut(spared);
      await vi.waitUntil(() => others.every(isGone), { timeout: 5_000, interval: 5 });
      expect(isGone(spared)).toBe(false);
      await vi.waitUntil(() => enclosure.members().length > 1, { timeout: 5_000, interval: 1 });
      expect(await enclosure.remove()).toBe(false);
      await enclosure.killAllBut(null);
      await vi.waitUntil(async () => enclosure.remove(), { timeout: 5_000, interval: 5 });
      expect(existsSync(place.path)).toBe(false);
      expect(enclosure.members()).toEqual([]);
      await enclosure.killAllBut(null);
      expect(await enclosure.remove()).toBe(true);
    });

    it("that a killed server has left is removed when it is empty, and goes on when it is frozen", async () => {
      await using empty = await enclosureOf(tracker.create("test.empty"));
      await using frozen = await enclosureOf(tracker.create("test.frozen"));
      const pid = await frozen.enter("exec sleep 30");
      const [file, text] = tracker.name.includes("v2") ? ["cgroup.freeze", "1"] : ["freezer.state", "FROZEN"];
      await writeFile(join(frozen.path, file), text);
      await tracker.tidyUp();
      expect(existsSync(empty.path)).toBe(false);
      expect(frozen.enclosure.members()).toEqual([pid]);
      process.kill(pid, "SIGTERM");
      await vi.waitUntil(() => isGone(pid), { timeout: 5_000, interval: 5 });
    });

    it("of another home is removed when it has stood empty for an hour, and never with a process", async () => {
      await using place = await enclosureOf(tracker.create("test.abandoned"));
      const own = join(place.path, "trainyard-000000000000");
      const other = join(place.path, "trainyard-111111111111");
      const [empty, full] = [join(other, "a.empty"), join(other, "b.full")] as const;
      for (const group of [own, other, empty, full]) await mkdir(group);
      const pid = await place.enter("exec sleep 30", join(full, "cgroup.procs"));
      await removeAbandonedGroups([own], Date.now());
      expect(existsSync(empty)).toBe(true);
      await removeAbandonedGroups([own], Date.now() + 2 * 3_600_000);
      expect([own, full].every((group) => existsSync(group))).toBe(true);
      expect(existsSync(empty)).toBe(false);
      process.kill(pid, "SIGKILL");
      await vi.waitUntil(() => isGone(pid), { timeout: 5_000, interval: 5 });
      await removeAbandonedGroups([own], Date.now() + 2 * 3_600_000);
      expect(existsSync(other)).toBe(false);
      await rmdir(own);
    });

    it("is found again by its place, by every tracker of control groups", async () => {
      await using place = await enclosureOf(tracker.create("test.again"));
      const pid = await place.enter("exec sleep 30");
      const other = new CgroupTracker({ version: CGROUP_V2, parent: "/nowhere", memoryParent: null }, systemClock);
      expect(other.open(place.enclosure.place)?.members()).toEqual([pid]);
      expect(other.open("-")).toBeNull();
      expect(other.open("elsewhere:/x")).toBeNull();
    });
  },
);

describe("what is counted", () => {
  const own = "/sys/fs/cgroup/memory";
  const canLimit = trackers.some(({ name }) => name === CGROUP_V1.name) && existsSync(own);

  it.skipIf(!canLimit)("are processes that the kernel killed for want of memory", async () => {
    const parent = join(own, `trainyard-test-${process.pid}`);
    const version = CGROUP_V1;
    const freezerParent = `/sys/fs/cgroup/freezer/trainyard-test-${process.pid}`;
    const tracker = new CgroupTracker({ version, parent: freezerParent, memoryParent: parent }, systemClock);
    await using place = await enclosureOf(tracker.create("limited"));
    await writeFile(join(parent, "limited", "memory.limit_in_bytes"), String(32 * 1024 * 1024));
    expect(place.enclosure.outOfMemoryKills()).toBe(0);
    await place.enter('python3 -c "x = bytearray(200 * 1024 * 1024)"; sleep 30');
    await vi.waitUntil(() => place.enclosure.outOfMemoryKills() === 1, { timeout: 10_000, interval: 10 });
    // The shell may be about to fork its `sleep`: who is there is asked again until nobody is.
    const end = async (): Promise<boolean> => {
      await place.enclosure.killAllBut(null);
      return place.enclosure.remove();
    };
    await vi.waitUntil(end, { timeout: 5_000, interval: 5 });
    await tracker.tidyUp();
    expect(existsSync(parent)).toBe(false);
  });

  it("is nothing where the kernel does not count", () => {
    const version = CGROUP_V2;
    const tracker = new CgroupTracker({ version, parent: "/nowhere", memoryParent: null }, systemClock);
    expect(tracker.open("v2:/nowhere/at/all")?.outOfMemoryKills()).toBe(0);
  });
});

describe.skipIf(trackers.length === 0)("chooseTracker", () => {
  it("takes the strongest, names its groups by the home, and leaves nothing behind", async () => {
    const [strongest] = trackers;
    const one = await chooseTracker("/homes/one", systemClock);
    expect(one.name).toBe(strongest?.name ?? one.name);
    await using first = await enclosureOf(one.create("test.one"));
    await using second = await enclosureOf((await chooseTracker("/homes/two", systemClock)).create("test.one"));
    expect(first.path).not.toBe(second.path);
    expect(first.path).toMatch(/\/trainyard-[0-9a-f]{12}\/test\.one$/);
    await one.tidyUp();
    expect([first, second].map(({ path }) => existsSync(path))).toEqual([false, true]);
  });
});

async function enclosureOf(made: Promise<Enclosure | null>) {
  const enclosure = await made;
  if (enclosure === null) throw new Error("No enclosure was made.");
  const path = enclosure.place.replace(/^v[12]:/, "");
  return {
    enclosure,
    path,
    /** Starts a program that enters before it does anything; gives its number. */
    enter: async (program: string, ...entrances: string[]): Promise<number> => {
      const files = entrances.length > 0 ? entrances : enclosure.entrances;
      const enter = files.map((file) => `echo 0 >${file}`).join("; ");
      const child = spawn("/bin/sh", ["-c", `${enter}; echo in; ${program}`], { stdio: ["ignore", "pipe", "ignore"] });
      await once(child.stdout, "data");
      return child.pid ?? 0;
    },
    [Symbol.asyncDispose]: async () => {
      await enclosure.killAllBut(null);
      await vi.waitUntil(async () => enclosure.remove(), { timeout: 5_000, interval: 5 });
      await rmdir(join(path, "..")).catch(() => undefined);
    },
  };
}

function isGone(pid: number): boolean {
  const process = readProcess(pid);
  return process === null || isDead(process);
}
