import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { LearnerTask } from "../../src/engines/engine.ts";
import { findTrackers } from "../../src/engines/local/choose-tracker.ts";
import { type LocalSetup, localSetup, readLog } from "../../src/engines/local/conformance.ts";
import { isDead, listPids, readProcess } from "../../src/engines/local/proc.ts";
import { NO_TRACKER, type ProcessTracker } from "../../src/engines/local/process-tracker.ts";

const NEVER = new AbortController().signal;
const GRACE_MS = 50;
/** Hostile programs end by themselves, should a test that fails leave them behind. */
const SECONDS = 30;

/** Tells its pid in the log, says in its folder that it is there, and stays. */
const STAYS = `sh -c 'echo pid $$; : > up; exec sleep ${SECONDS}'`;

/** Ways of a process not to end with its program: each leaves one behind and goes on. */
const ESCAPES = {
  "a background child": `${STAYS} &`,
  "a child in a session of its own": `setsid ${STAYS} &`,
  "a grandchild in a session of its own whose parents are gone": `(setsid ${STAYS} &)`,
  "a child that ignores every polite signal": `(trap '' TERM HUP INT QUIT; exec ${STAYS}) &`,
  "a child that has stopped itself": "sh -c 'echo pid $$; (sleep 0.02; : > up) & kill -STOP $$' &",
  "a child that waits in the kernel for its own child (vfork)": `python3 -c "import subprocess; subprocess.run(['sh', '-c', 'echo pid \\$\\$; : > up; sleep ${SECONDS}'])" &`,
  "a child in namespaces of its own, where those are allowed": `(unshare --user --pid --fork ${STAYS.replace("pid $$", "inside")} || ${STAYS}) 2>/dev/null &`,
  "a child behind nohup and disown": `nohup ${STAYS} & disown`,
  "a child that holds the log open": `(exec 3>&1; exec ${STAYS} 3>&3) &`,
  "a child that closed the log": `${STAYS.replace("exec", "exec > /dev/null 2>&1; exec")} &`,
  "a child with another name": `sh -c 'echo pid $$; echo init > /proc/$$/comm; : > up; i=0; while [ $((i += 1)) -lt ${SECONDS * 5} ]; do sleep 0.2; done' &`,
  "a child without the given environment": `env -i PATH="$PATH" ${STAYS} &`,
  "a child whose first thread is over": `python3 -c "
import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(${SECONDS},)).start()
print('pid', os.getpid(), flush=True); open('up', 'w').close()
ctypes.CDLL(None).pthread_exit(0)" &`,
  "a process that goes on in its child, over and over": "setsid sh ./comet.sh 4000 &",
} as const;

/** Its processes live for a millisecond each. */
const COMET = ': > up; [ "$1" = 0 ] || sh ./comet.sh $(($1 - 1)) & exit';

/** What only an enclosure holds: nothing in the process itself tells whose it is. */
const NAMELESS = `(env -i PATH="$PATH" setsid ${STAYS} > told 2>&1 &)`;

const means = [...(await findTrackers(import.meta.filename, systemClock)), NO_TRACKER];
const slowest = new Map<string, number>();

afterAll(() => {
  for (const [name, ms] of slowest)
    process.stdout.write(`  ${name}: the slowest tree was gone ${ms} ms after the grace\n`);
});

describe.for(means.map((tracker) => [tracker.name, tracker] as const))("by %s", ([, tracker]) => {
  describe.for(Object.entries(ESCAPES))("%s", ([, escape]) => {
    it("is gone after a stop", async () => {
      await using place = await localSetup(tracker);
      const { task, handle, engine } = await beginEscape(place, escape, `exec sleep ${SECONDS}`);
      expect(engine.trackingOf(handle)).toBe(tracker.name);
      await timed(tracker, async () => engine.stop(handle, GRACE_MS));
      expect(survivorsOf(task, await readLog(task))).toEqual([]);
      expect(await engine.observe(handle)).toMatchObject({ status: "exited" });
    });

    it("is gone when the end is told", async () => {
      await using place = await localSetup(tracker);
      const { task, handle, engine } = await beginEscape(place, escape, "exit 3");
      expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ exitCode: 3 });
      expect(survivorsOf(task, await readLog(task))).toEqual([]);
    });

    it("is gone when another server tells the end later", async () => {
      await using place = await localSetup(tracker);
      const { task, handle } = await beginEscape(place, escape, "exit 3");
      expect(await place.connect().waitForEnd(handle, NEVER)).toMatchObject({ exitCode: 3 });
      expect(survivorsOf(task, await readLog(task))).toEqual([]);
    });
  });

  it("those are gone that only their parents tell", async () => {
    await using place = await localSetup(tracker);
    const escape = `env -i PATH="$PATH" setsid ${STAYS} &`;
    const { task, handle, engine } = await beginEscape(
      place,
      escape,
      `trap '' TERM; sleep ${SECONDS}; sleep ${SECONDS}`,
    );
    await engine.stop(handle, GRACE_MS);
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("those are gone that are born from the request to end", async () => {
    await using place = await localSetup(tracker);
    const engine = place.connect();
    const respawn = `trap "setsid ${STAYS.replaceAll("$$", "\\$\\$")} &" TERM; echo ready; i=0; while [ $((i += 1)) -lt 600 ]; do sleep 0.05; done`;
    const { task, handle } = await place.begin(engine, respawn);
    const stop = engine.stop(handle, 20_000);
    await vi.waitUntil(async () => /^pid \d+$/m.test(await readLog(task)), { timeout: 5_000, interval: 5 });
    await engine.stop(handle, 0);
    await stop;
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("those are gone that multiply while they are killed", async () => {
    await using place = await localSetup(tracker);
    const engine = place.connect();
    const multiply = `trap '' TERM; echo ready; i=0; while [ $((i += 1)) -lt 3000 ]; do setsid sleep ${SECONDS} & done`;
    const { task, handle } = await place.begin(engine, multiply);
    await timed(tracker, async () => engine.stop(handle, GRACE_MS));
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("those are gone that have killed the shim, and the learner counts as lost", async () => {
    await using place = await localSetup(tracker);
    const { task, handle, engine } = await beginEscape(place, `${STAYS} &`, `kill -KILL $PPID; exec sleep ${SECONDS}`);
    expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ status: "lost" });
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("those are gone that have stopped the whole group with its shim", async () => {
    await using place = await localSetup(tracker);
    const engine = place.connect();
    const { task, handle } = await place.begin(engine, `echo ready; kill -STOP 0; sleep ${SECONDS}`);
    await vi.waitUntil(() => readProcess(Number(handle["pid"]))?.state === "T", { timeout: 5_000, interval: 5 });
    await engine.stop(handle, 5_000);
    expect(await engine.observe(handle)).toMatchObject({ status: "exited", exitCode: 143 });
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });
});

const enclosing = means.filter((tracker) => tracker !== NO_TRACKER);

describe.for(enclosing.map((tracker) => [tracker.name, tracker] as const))("by %s alone", ([, tracker]) => {
  it("those are gone that nothing tells but the enclosure", async () => {
    await using place = await localSetup(tracker);
    const { task, handle, engine } = await beginEscape(place, NAMELESS, "exit 3");
    await engine.waitForEnd(handle, NEVER);
    expect(survivorsOf(task, readFileSync(join(task.directory, "told"), "latin1"))).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)("those are gone that have left the enclosure", async () => {
    await using place = await localSetup(tracker);
    const leave =
      "while IFS=: read -r _ _ group; do :; done </proc/self/cgroup; for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/freezer; do echo 0 2>/dev/null >$root/cgroup.procs; done";
    const { task, handle, engine } = await beginEscape(
      place,
      `(${leave}; exec setsid ${STAYS}) 2>/dev/null &`,
      "exit 3",
    );
    await engine.waitForEnd(handle, NEVER);
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });
});

async function timed(tracker: ProcessTracker, stop: () => Promise<void>): Promise<void> {
  const startedMs = performance.now();
  await stop();
  const ms = Math.round(performance.now() - startedMs - GRACE_MS);
  slowest.set(tracker.name, Math.max(ms, slowest.get(tracker.name) ?? 0));
  expect(ms).toBeLessThan(1_000);
}

/** A learner that has left its process behind; that one is known to be there. */
async function beginEscape(place: LocalSetup, escape: string, then: string) {
  const engine = place.connect();
  const task = await place.taskFor(`${escape}\nuntil [ -e up ]; do sleep 0.01; done; echo ready; ${then}`);
  await writeFile(join(task.directory, "comet.sh"), COMET);
  const handle = await engine.start(task, NEVER);
  await vi.waitUntil(async () => /^ready$/m.test(await readLog(task)), { timeout: 10_000, interval: 5 });
  return { task, handle, engine };
}

/** Found apart from the engine's own ways: by the pids that the processes told, and by a variable of the test's. */
function survivorsOf(task: LearnerTask, log: string): readonly string[] {
  const told = [...log.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid));
  return [...told, ...listPids().filter((pid) => environmentOf(pid).includes(`LEARNER_DIR=${task.directory}`))]
    .map(readProcess)
    .filter((process) => process !== null && !isDead(process))
    .map((process) => `${process?.pid} ${process?.name}`);
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    // It has ended since it was listed.
    return "";
  }
}
