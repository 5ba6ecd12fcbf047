import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../base/clock.ts";
import type { Engine, Handle, LearnerTask } from "../engine.ts";
import { findTrackers } from "./choose-tracker.ts";
import { type LocalSetup, localSetup, programOutput } from "./conformance.ts";
import { listGroups, listMembers } from "./cgroup-files.ts";
import { isDead, readProcess } from "./proc.ts";

const NEVER = new AbortController().signal;
const trackers = await findTrackers(import.meta.filename, systemClock);

describe.skipIf(trackers.length === 0).for(trackers.map((tracker) => [tracker.name, tracker] as const))(
  "a shell that stands by, by %s,",
  ([, tracker]) => {
    it.each([
      ["names of variables", {}],
      ["a name that no shell can assign to", { "a-b.c": "1" }],
    ])("becomes a learner that differs in nothing from one that was started anew, with %s", async (_what, more) => {
      await using place = await localSetup(tracker);
      const engine = place.connect();
      const command = `cat; tr '\\0' '\\n' </proc/$$/environ | sort; pwd; ls /proc/$$/fd; umask; echo "it's" 'a "word"' \\\\ '$HOME'
printf '%s' last`;
      const change = {
        workingDirectory: "/usr",
        env: { PATH: "/usr/bin:/bin", QUOTES: `'"\\$(x)\``, LINES: "a\n\nb\n", _: "", ...more },
      };
      const anew = await runToEnd(engine, await place.taskFor(command, change));
      const prepared = await runPrepared(place, engine, await place.taskFor(command, change));
      expect(prepared.output.replaceAll(prepared.task.directory, "")).toBe(
        anew.output.replaceAll(anew.task.directory, ""),
      );
      expect(prepared.exitCode).toBe(0);
    });

    it("leaves it to a new start to say why a learner cannot be started", async () => {
      await using place = await localSetup(tracker);
      const engine = place.connect();
      for (const [change, told] of [
        [{ workingDirectory: "/nowhere/at/all" }, /its folder \/nowhere\/at\/all does not exist/],
        [{ directory: "/nowhere/at/all" }, /The log \/nowhere.* cannot be opened: ENOENT/],
        [{ command: "echo a\0b" }, /NUL character/],
      ] as const) {
        await untilPrepared(place, engine);
        await expect(engine.start(await place.taskFor("echo ready", change), NEVER)).rejects.toThrow(told);
      }
    });

    it("is done without when somebody has killed it", async () => {
      await using place = await localSetup(tracker);
      const engine = place.connect();
      const group = await untilPrepared(place, engine);
      for (const pid of listMembers(group)) process.kill(pid, "SIGKILL");
      const { exitCode } = await runToEnd(engine, await place.taskFor("exit 3"));
      expect(exitCode).toBe(3);
    });

    it("is gone with the engine, and so is its group", async () => {
      await using place = await localSetup(tracker);
      const engine = place.connect();
      const group = await untilPrepared(place, engine);
      const [pid = 0] = listMembers(group);
      await engine.close();
      await vi.waitUntil(() => isDead(readProcess(pid) ?? { state: "X", threads: 0 }), { timeout: 5_000, interval: 5 });
      await expect(readFile(join(group, "cgroup.procs"))).rejects.toThrow("ENOENT");
    });
  },
);

async function runToEnd(engine: Engine, task: LearnerTask) {
  const handle = await engine.start(task, NEVER);
  const ending = await engine.waitForEnd(handle, NEVER);
  if (ending.status !== "exited") throw new Error(`The learner is lost: ${ending.reason}.`);
  return { task, handle, exitCode: ending.exitCode, output: await programOutput(task, ending.exitCode) };
}

/** The same in a shell that stood by. */
async function runPrepared(place: LocalSetup, engine: Engine, task: LearnerTask) {
  await untilPrepared(place, engine);
  const run = await runToEnd(engine, task);
  expect(run.handle["enclosure"]).toMatch(/\/prepared\./);
  return run;
}

/** Starts a learner, so that the engine prepares for another one; gives the group where the shell then waits. */
async function untilPrepared(place: LocalSetup, engine: Engine): Promise<string> {
  const handle: Handle = (await runToEnd(engine, await place.taskFor("true"))).handle;
  const parent = join(String(handle["enclosure"]).replace(/^v[12]:/, ""), "..");
  let group = "";
  await vi.waitUntil(
    async () => {
      const names = (await listGroups(parent)).filter((name) => name.startsWith(`prepared.${process.pid}.`));
      group = join(parent, names.at(-1) ?? "none");
      return listMembers(group).length === 1;
    },
    { timeout: 5_000, interval: 10 },
  );
  // In, and about to say so.
  await systemClock.sleep(50);
  return group;
}
