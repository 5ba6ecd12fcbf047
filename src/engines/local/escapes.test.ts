import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { LearnerTask } from "../engine.ts";
import { type LocalSetup, localSetup, readLog } from "./conformance.ts";
import { isDead, listPids, readProcess } from "./proc.ts";

const NEVER = new AbortController().signal;

/** Tells its pid in the log, says in its folder that it is there, and stays. */
const STAYS = "sh -c 'echo pid $$; : > up; exec sleep 1000'";

/** Ways of a process not to end with its program: each leaves one behind and goes on. */
const ESCAPES = {
  "a background child": `${STAYS} &`,
  "a child in a session of its own": `setsid ${STAYS} &`,
  "a grandchild in a session of its own whose parents are gone": `(setsid ${STAYS} &)`,
  "a child behind nohup and disown": `nohup ${STAYS} & disown`,
  "a child that ignores every polite signal": `(trap '' TERM HUP INT QUIT; exec ${STAYS}) &`,
  "a child that has stopped itself": "sh -c 'echo pid $$; (sleep 0.02; : > up) & kill -STOP $$' &",
  "a child with another name": "sh -c 'echo pid $$; echo init > /proc/$$/comm; : > up; while :; do sleep 0.2; done' &",
  "a child without the given environment": `env -i PATH="$PATH" ${STAYS} &`,
  "a child that closed the log": `${STAYS.replace("exec", "exec > /dev/null 2>&1; exec")} &`,
  "a child in namespaces of its own, where those are allowed": `(unshare --user --pid --fork ${STAYS.replace("pid $$", "inside")} || ${STAYS}) 2>/dev/null &`,
  "a process that goes on in its child, over and over": "setsid sh ./comet.sh &",
} as const;

/** Its processes live for a millisecond each. */
const COMET = ": > up; sh ./comet.sh & exit";

describe.concurrent("processes that do not end with their program", () => {
  describe.for(Object.entries(ESCAPES))("%s", ([, escape]) => {
    it("is gone after a stop", async () => {
      await using place = await localSetup();
      const engine = place.connect();
      const { task, handle } = await beginEscape(place, escape, "exec sleep 1000");
      await engine.stop(handle, 50);
      expect(survivorsOf(task, await readLog(task))).toEqual([]);
      expect(await engine.observe(handle)).toMatchObject({ status: "exited" });
    });

    it("is gone when the end is told", async () => {
      await using place = await localSetup();
      const { task, handle, engine } = await beginEscape(place, escape, "exit 3");
      expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ exitCode: 3 });
      expect(survivorsOf(task, await readLog(task))).toEqual([]);
    });

    it("is gone when another server tells the end later", async () => {
      await using place = await localSetup();
      const { task, handle } = await beginEscape(place, escape, "exit 3");
      expect(await place.connect().waitForEnd(handle, NEVER)).toMatchObject({ exitCode: 3 });
      expect(survivorsOf(task, await readLog(task))).toEqual([]);
    });
  });

  it("are gone after a stop when only their parents tell whose they are", async () => {
    await using place = await localSetup();
    const escape = `env -i PATH="$PATH" setsid ${STAYS} &`;
    const { task, handle, engine } = await beginEscape(place, escape, "trap '' TERM; sleep 1000; sleep 1000");
    await engine.stop(handle, 50);
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("are gone when they are born from the request to end", async () => {
    await using place = await localSetup();
    const engine = place.connect();
    const respawn = `trap "setsid ${STAYS.replaceAll("$$", "\\$\\$")} &" TERM; echo ready; while :; do sleep 0.05; done`;
    const { task, handle } = await place.begin(engine, respawn);
    const stop = engine.stop(handle, 60_000);
    await vi.waitUntil(async () => /^pid \d+$/m.test(await readLog(task)), { timeout: 5_000, interval: 5 });
    await engine.stop(handle, 0);
    await stop;
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("are gone when they multiply while they are killed", async () => {
    await using place = await localSetup();
    const engine = place.connect();
    const { task, handle } = await place.begin(
      engine,
      "trap '' TERM; echo ready; while :; do setsid sleep 1000 & done",
    );
    await engine.stop(handle, 100);
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("are gone when they have killed the shim, and the learner counts as lost", async () => {
    await using place = await localSetup();
    const { task, handle, engine } = await beginEscape(place, `${STAYS} &`, "kill -KILL $PPID; exec sleep 1000");
    expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ status: "lost" });
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });

  it("are gone when they have stopped the whole group with its shim", async () => {
    await using place = await localSetup();
    const engine = place.connect();
    const { task, handle } = await place.begin(engine, "echo ready; kill -STOP 0; sleep 1000");
    await vi.waitUntil(() => readProcess(Number(handle["pid"]))?.state === "T", { timeout: 5_000, interval: 5 });
    await engine.stop(handle, 5_000);
    expect(await engine.observe(handle)).toMatchObject({ status: "exited", exitCode: 143 });
    expect(survivorsOf(task, await readLog(task))).toEqual([]);
  });
});

/** A learner that has left its process behind; that one is known to be there. */
async function beginEscape(place: LocalSetup, escape: string, then: string) {
  const engine = place.connect();
  const task = await place.taskFor(`${escape}\nuntil [ -e up ]; do sleep 0.01; done; echo ready; ${then}`);
  await writeFile(join(task.directory, "comet.sh"), COMET);
  const handle = await engine.start(task, NEVER);
  await vi.waitUntil(async () => /^ready$/m.test(await readLog(task)), { timeout: 5_000, interval: 5 });
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
