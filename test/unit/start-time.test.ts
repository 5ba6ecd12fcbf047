import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { controlBundle, SHELL } from "./control-bundle.ts";

const HOUR_MS = 3_600_000;

test("a run starts with its program, not with the hour of staging before, and its log begins with the same time", async () => {
  let stagedMs = 0;
  const clock = {
    ...systemClock,
    now: () => new Date(Date.now() + stagedMs),
    monotonicMs: () => performance.now() + stagedMs,
  };
  await using bundle = await controlBundle({
    clock,
    environments: { provide: async () => ((stagedMs = HOUR_MS), { environment: SHELL, lock: null }) },
  });
  const { id, submittedAt, startedAt, endedAt } = await bundle.untilEnded((await bundle.submit()).id);
  const started = startedAt as Date;
  expect(started.getTime() - submittedAt.getTime()).toBeGreaterThanOrEqual(HOUR_MS);
  expect((endedAt as Date).getTime() - started.getTime()).toBeLessThan(HOUR_MS);
  const log = await readFile(join(bundle.home, "runs", id, "learner-1", "training-log.txt"), "utf8");
  const [, told = ""] = /^\w+ (.+): Running Shell job$/m.exec(log) ?? [];
  expect(Math.floor(started.getTime() / 1000)).toBe(Date.parse(told) / 1000);
});
