import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { type Clock, systemClock } from "../../base/clock.ts";
import { readBootId, readProcess } from "./proc.ts";
import { ShimLiveness } from "./shim-liveness.ts";

/** A process that stands for a shim, and a clock whose seconds pass when the test says so. */
async function setup() {
  const child = spawn("/bin/sleep", ["1000"], { stdio: "ignore" });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  const startTime = readProcess(pid)?.startTime ?? 0;
  const sleeps: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: async (_ms, signal) =>
      new Promise((resolve, reject) => {
        sleeps.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("Aborted.")), { once: true });
      }),
  };
  return {
    learner: { directory: "/nowhere", attempt: 1, pid, startTime, bootId: readBootId(), enclosure: "-", gpus: "-" },
    liveness: new ShimLiveness(clock),
    sleeps,
    passSecond: async () => {
      sleeps.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
    killIt: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
    [Symbol.asyncDispose]: async () => void child.kill("SIGKILL"),
  };
}

it("tells at the next look that a shim is gone, once, and not while it lives", async () => {
  await using parts = await setup();
  let gone = 0;
  parts.liveness.watch(parts.learner, () => (gone += 1));
  await parts.passSecond();
  expect(gone).toBe(0);
  await parts.killIt();
  await parts.passSecond();
  expect(gone).toBe(1);
  await parts.passSecond();
  expect(gone).toBe(1);
});

it("tells within five looks that another process has the number of the shim", async () => {
  await using parts = await setup();
  let gone = 0;
  parts.liveness.watch({ ...parts.learner, startTime: parts.learner.startTime - 1 }, () => (gone += 1));
  for (let second = 1; second <= 5; second += 1) await parts.passSecond();
  expect(gone).toBe(1);
});

it("has one timer for all, and none when nobody is watched any more", async () => {
  await using parts = await setup();
  const watches = Array.from({ length: 100 }, () => parts.liveness.watch(parts.learner, () => undefined));
  expect(parts.sleeps).toHaveLength(1);
  await parts.passSecond();
  expect(parts.sleeps).toHaveLength(1);
  for (const watch of watches) watch[Symbol.dispose]();
  await parts.passSecond();
  expect(parts.sleeps).toHaveLength(0);
});
