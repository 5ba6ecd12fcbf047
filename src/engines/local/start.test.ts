import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../base/clock.ts";
import { EngineError } from "../engine-error.ts";
import type { LearnerTask } from "../engine.ts";
import { localSetup } from "./conformance.ts";
import { createLocalEngine } from "./local-engine.ts";

const NEVER = new AbortController().signal;

describe("a claim", () => {
  it("that was begun and never finished is told, and nothing is started", async () => {
    await using place = await localSetup();
    const task = await place.taskFor("echo ready");
    await writeFile(join(task.directory, "attempt-1.pid"), "4711 12");
    const engine = createLocalEngine({ clock: hurriedClock() });
    const refusal = await engine.start(task, NEVER).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EngineError);
    expect(refusal).toMatchObject({ retryable: false, message: expect.stringContaining("attempt-1.pid") });
    expect(await place.executions(task)).toBe(0);
    await writeFile(join(task.directory, "attempt-1.pid"), "");
    await expect(engine.find(task.directory, 1)).rejects.toBeInstanceOf(EngineError);
    await rm(join(task.directory, "attempt-1.pid"));
    await engine.close();
  });

  it("that is being finished is waited for", async () => {
    await using place = await localSetup();
    const task = await place.taskFor("echo ready");
    const path = join(task.directory, "attempt-1.pid");
    await writeFile(path, "4711 12");
    const sleeps = { ...systemClock, sleep: () => writeFile(path, "4711 12 abc-def\n") };
    const engine = createLocalEngine({ clock: sleeps });
    expect(await engine.find(task.directory, 1)).toMatchObject({ pid: 4711, startTime: 12, bootId: "abc-def" });
    await engine.close();
  });
});

describe("what cannot be started", () => {
  it.for<[string, Partial<LearnerTask>, RegExp]>([
    [
      "a command longer than the system takes",
      { command: `: ${"x".repeat(200_000)}` },
      /longer than this system takes/,
    ],
    ["a command with a NUL character", { command: "echo a\0b" }, /NUL character/],
    [
      "a missing working directory",
      { workingDirectory: "/nowhere/at/all" },
      /its folder \/nowhere\/at\/all does not exist/,
    ],
    [
      "a missing learner directory",
      { directory: "/nowhere/at/all" },
      /The log \/nowhere\/at\/all.* cannot be opened: ENOENT/,
    ],
  ])("is told of %s, with what is wrong", async ([, change, message]) => {
    await using place = await localSetup();
    const engine = place.connect();
    const refusal = await engine
      .start(await place.taskFor("echo ready", change), NEVER)
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EngineError);
    expect(refusal).toMatchObject({ retryable: false, message: expect.stringMatching(message) });
  });
});

/** Each sleep is over at once, and the time has passed all the same. */
function hurriedClock(): Clock {
  let passedMs = 0;
  return { now: () => new Date(), monotonicMs: () => passedMs, sleep: async (ms) => void (passedMs += ms) };
}
