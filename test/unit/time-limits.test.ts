import { expect, test } from "vitest";
import type { Script } from "../../src/engines/scripted/scripted-engine.ts";
import { HandClock } from "../fixtures/hand-clock.ts";
import { controlBundle, MANIFEST, type BundleOptions, type ControlBundle } from "./control-bundle.ts";

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

const AN_HOUR = MANIFEST.replace("resource: small", "time_limit: 1h");

/** As long as nothing else sleeps, so that a test knows what it waits for. */
const GRACE_MS = 1234;

interface TimedBundle extends ControlBundle {
  readonly clock: HandClock;
}

/** A control plane whose time stands still until the test moves it; its programs run until they are stopped. */
async function timedBundle(options: BundleOptions & { readonly obeys?: boolean } = {}): Promise<TimedBundle> {
  const clock = new HandClock();
  const script = (): Script => ({ kind: "runs", onStop: options.obeys === false ? "ignores" : "ends" });
  const bundle = await controlBundle({ script, clock, machineTime: clock, stopGraceMs: GRACE_MS, ...options });
  return Object.assign(bundle, { clock });
}

test("a program that runs longer than its time limit is stopped and ends as failed, with its logs in the bucket", async () => {
  await using bundle = await timedBundle();
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.clock.untilAsleep(HOUR_MS);
  bundle.clock.pass(HOUR_MS);
  const ended = await bundle.untilEnded(id);
  expect(ended.state).toBe("failed");
  expect(ended.failure).toMatchObject({
    cause: "time_limit",
    phase: "running",
    exitCode: 143,
    message: "The program had run for 1h when it was stopped: its time limit is 1h.",
  });
  expect(await bundle.stored(id, "training-log.txt")).toContain("TRAINING_COMMAND");
  const events = await bundle.control.runs.events(id, 0, 100);
  expect(events.map(({ type }) => type)).toContain("time_limit");
});

test("one that does not end when it is asked to is insisted upon after the grace", async () => {
  await using bundle = await timedBundle({ obeys: false });
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.clock.untilAsleep(HOUR_MS);
  bundle.clock.pass(HOUR_MS);
  await bundle.clock.untilAsleep(GRACE_MS);
  expect((await bundle.control.runs.get(id)).state).toBe("running");
  bundle.clock.pass(GRACE_MS);
  expect((await bundle.untilEnded(id)).failure).toMatchObject({ cause: "time_limit", exitCode: 137 });
});

test.each([10 * YEAR_MS, -10 * YEAR_MS])("a wall clock that jumps by %i ms moves no time limit", async (jumpMs) => {
  await using bundle = await timedBundle();
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.clock.untilAsleep(HOUR_MS);
  bundle.clock.setWall(jumpMs);
  bundle.clock.pass(HOUR_MS / 2);
  await bundle.restart();
  // Half an hour is left after the restart, whatever the calendar says.
  await bundle.clock.untilAsleep(HOUR_MS / 2);
  expect((await bundle.control.runs.get(id)).state).toBe("running");
  bundle.clock.pass(HOUR_MS / 2);
  expect((await bundle.untilEnded(id)).failure?.cause).toBe("time_limit");
});

test("a limit that passes while no server is up is noticed by the next one", async () => {
  await using bundle = await timedBundle();
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.control.stop();
  bundle.clock.pass(3 * HOUR_MS);
  await bundle.restart();
  expect((await bundle.untilEnded(id)).failure?.message).toBe(
    "The program had run for 3h when it was stopped: its time limit is 1h.",
  );
});

test("a program that ended by itself with 0 while no server was up has completed, however late that is noticed", async () => {
  const end = Promise.withResolvers<void>();
  await using bundle = await timedBundle({ script: () => ({ kind: "exits", exitCode: 0, after: end.promise }) });
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.control.stop();
  bundle.clock.pass(3 * HOUR_MS);
  end.resolve();
  await bundle.restart();
  expect((await bundle.untilEnded(id)).state).toBe("completed");
});

test("that the limit was reached outlives a server that dies before the program ends", async () => {
  await using bundle = await timedBundle({ obeys: false });
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.clock.untilAsleep(HOUR_MS);
  bundle.clock.pass(HOUR_MS);
  await bundle.clock.untilAsleep(GRACE_MS);
  await bundle.restart();
  await bundle.clock.untilAsleep(GRACE_MS);
  bundle.clock.pass(GRACE_MS);
  expect((await bundle.untilEnded(id)).failure?.cause).toBe("time_limit");
});

test("a wish to stop that comes before the limit leaves the run canceled", async () => {
  await using bundle = await timedBundle({ obeys: false });
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.clock.untilAsleep(HOUR_MS);
  await bundle.control.runs.requestStop(id, 2 * HOUR_MS, { account: "admin" });
  await bundle.clock.untilAsleep(2 * HOUR_MS);
  bundle.clock.pass(HOUR_MS);
  bundle.clock.pass(HOUR_MS);
  const ended = await bundle.untilEnded(id);
  expect([ended.state, ended.limitReached]).toEqual(["canceled", null]);
});

test("a wish to stop that comes after the limit changes nothing about why the run failed", async () => {
  await using bundle = await timedBundle({ obeys: false });
  const { id } = await bundle.submit(AN_HOUR);
  await bundle.untilState(id, "running");
  await bundle.clock.untilAsleep(HOUR_MS);
  bundle.clock.pass(HOUR_MS);
  await bundle.clock.untilAsleep(GRACE_MS);
  await bundle.control.runs.requestStop(id, 1000, { account: "admin" });
  bundle.clock.pass(GRACE_MS);
  expect((await bundle.untilEnded(id)).failure?.cause).toBe("time_limit");
});

test("a limit of many days is waited for in steps that timers can take", async () => {
  await using bundle = await timedBundle();
  const { id } = await bundle.submit(AN_HOUR.replace("1h", "40d"));
  await bundle.untilState(id, "running");
  for (let hours = 0; hours < 40 * 24; hours += 6) {
    await bundle.clock.untilAsleep(6 * HOUR_MS);
    bundle.clock.pass(6 * HOUR_MS);
  }
  expect((await bundle.untilEnded(id)).failure?.message).toContain("its time limit is 40d");
});

test("the server's default and maximum hold where the manifest asks for nothing, and more than the maximum is refused", async () => {
  const attemptRules = {
    defaultTimeLimitMs: 2 * HOUR_MS,
    maxTimeLimitMs: 4 * HOUR_MS,
    maxRetries: 1,
    retryDelayMs: 1000,
  };
  await using bundle = await timedBundle({ attemptRules });
  expect((await bundle.submit()).spec.timeLimitMs).toBe(2 * HOUR_MS);
  expect((await bundle.submit(AN_HOUR.replace("1h", "4h"))).spec.timeLimitMs).toBe(4 * HOUR_MS);
  await expect(bundle.submit(AN_HOUR.replace("1h", "5h"))).rejects.toMatchObject({
    code: "time_limit_too_long",
    message: "The run asks for a time limit of 5h, and this server allows 4h.",
  });
  await expect(bundle.submit(AN_HOUR.replace("time_limit: 1h", "retries: 2"))).rejects.toMatchObject({
    code: "retries_too_many",
    message: "The run asks for 2 retries, and this server allows 1.",
  });
});
