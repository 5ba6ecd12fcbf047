import fc from "fast-check";
import { expect, test } from "vitest";
import { TrustedTime, type TimeMark, type TimeMemory } from "./trusted-time.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const YEARS_MS = 3650 * DAY_MS;
const START = Date.UTC(2026, 0, 1);

/** A machine whose wall clock can be set, and servers on it that come and go. */
function machine() {
  let bootId = 1;
  const state = { trueMs: START, offsetMs: 0, uptimeMs: 1000, mark: null as TimeMark | null };
  const clock = {
    now: () => new Date(state.trueMs + state.offsetMs),
    monotonicMs: () => state.trueMs - START,
    sleep: async () => undefined,
  };
  const memory: TimeMemory = {
    read: async () => state.mark,
    write: async (mark) => void (state.mark = JSON.parse(JSON.stringify(mark)) as TimeMark),
    bootId: async () => String(bootId),
    uptimeMs: () => state.uptimeMs,
  };
  return {
    state,
    clock,
    pass: (ms: number) => {
      state.trueMs += ms;
      state.uptimeMs += ms;
    },
    /** Off for so long. */
    reboot: (offMs: number) => {
      state.trueMs += offMs;
      state.uptimeMs = 0;
      bootId += 1;
    },
    startServer: async () => {
      const time = new TrustedTime(clock, memory, 7 * DAY_MS);
      await time.recall();
      return time;
    },
  };
}

test("it is the wall clock while nobody sets that", async () => {
  const here = machine();
  const time = await here.startServer();
  here.pass(3 * DAY_MS);
  expect(time.now()).toEqual(here.clock.now());
  expect(time.isDoubted()).toBe(false);
});

test("a clock set back is followed at once, and not forward again before the doubt is over", async () => {
  const here = machine();
  const time = await here.startServer();
  here.state.offsetMs = -YEARS_MS;
  expect(time.now().getTime()).toBe(START - YEARS_MS);
  here.state.offsetMs = 0;
  here.pass(DAY_MS);
  expect(time.now().getTime()).toBe(START - YEARS_MS + DAY_MS);
  expect(time.isDoubted()).toBe(true);
  here.pass(7 * DAY_MS);
  expect(time.now()).toEqual(here.clock.now());
  expect(time.isDoubted()).toBe(false);
});

test("a second jump begins the doubt anew", async () => {
  const here = machine();
  const time = await here.startServer();
  here.state.offsetMs = DAY_MS;
  time.now();
  here.pass(6.9 * DAY_MS);
  time.now();
  here.state.offsetMs = YEARS_MS;
  time.now();
  here.pass(6.9 * DAY_MS);
  expect(time.now().getTime()).toBe(START + 13.8 * DAY_MS);
  here.pass(0.1 * DAY_MS);
  expect(time.now()).toEqual(here.clock.now());
});

test("a server that starts again counts the time between on the machine, and none of a time when that was off", async () => {
  const here = machine();
  await (await here.startServer()).save();
  here.state.offsetMs = YEARS_MS;
  here.pass(DAY_MS);
  const next = await here.startServer();
  expect(next.now().getTime()).toBe(START + DAY_MS);
  await next.save();
  here.reboot(30 * DAY_MS);
  expect((await here.startServer()).now().getTime()).toBe(START + DAY_MS);
});

test("without a memory, or with an empty one, the wall clock is believed", async () => {
  const here = machine();
  here.state.offsetMs = YEARS_MS;
  expect((await here.startServer()).now()).toEqual(here.clock.now());
  const alone = new TrustedTime(here.clock, undefined, 1);
  await alone.recall();
  await alone.save();
  expect(alone.now()).toEqual(here.clock.now());
});

test("whatever is done to the clock, no run looks older than it has been ended for", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 3 * DAY_MS }) }),
    fc.record({
      do: fc.constant("set" as const),
      ms: fc.constantFrom(0, 2000, -2000, 3.6e6, -3.6e6, YEARS_MS, -YEARS_MS),
    }),
    fc.record({ do: fc.constant("restart" as const), ms: fc.constant(0) }),
    fc.record({ do: fc.constant("reboot" as const), ms: fc.integer({ min: 0, max: 90 * DAY_MS }) }),
    fc.record({ do: fc.constant("end" as const), ms: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const here = machine();
      let time = await here.startServer();
      const ended: { readonly wallMs: number; readonly trueMs: number }[] = [];
      for (const one of steps) {
        // The duty's round, before and after whatever happens.
        time.now();
        await time.save();
        if (one.do === "pass") here.pass(one.ms);
        if (one.do === "set") here.state.offsetMs = one.ms;
        if (one.do === "reboot") here.reboot(one.ms);
        if (one.do === "restart" || one.do === "reboot") time = await here.startServer();
        const nowMs = time.now().getTime();
        if (one.do === "end") ended.push({ wallMs: here.clock.now().getTime(), trueMs: here.state.trueMs });
        for (const run of ended) {
          const isForgotten = nowMs >= run.wallMs + 7 * DAY_MS;
          if (isForgotten) expect(here.state.trueMs - run.trueMs).toBeGreaterThanOrEqual(7 * DAY_MS - 50 * 1000);
        }
      }
    }),
    { numRuns: 500 },
  );
});
