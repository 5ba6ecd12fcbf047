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
    memory,
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

test("a clock that is set back and forth is noticed when something is dated in between, also by the next server", async () => {
  const here = machine();
  const time = await here.startServer();
  time.now();
  here.state.offsetMs = -YEARS_MS;
  const dated = here.clock.now();
  await time.notice();
  here.state.offsetMs = 0;
  here.pass(DAY_MS);
  const next = await here.startServer();
  for (const each of [time, next]) {
    expect(each.now().getTime()).toBe(dated.getTime() + DAY_MS);
    expect(each.isDoubted()).toBe(true);
  }
});

test("a look at a clock that nobody set writes nothing, and one at a clock that was set writes once", async () => {
  const here = machine();
  let writes = 0;
  let isBroken = true;
  const memory = {
    ...here.memory,
    write: async (mark: TimeMark) => {
      writes += 1;
      if (isBroken) throw new Error("ENOSPC");
      await here.memory.write(mark);
    },
  };
  const time = new TrustedTime(here.clock, memory, 7 * DAY_MS);
  for (const ms of [0, DAY_MS, 1000]) {
    here.pass(ms);
    await time.notice();
  }
  expect(writes).toBe(0);
  here.state.offsetMs = DAY_MS;
  const both = [time.notice(), time.notice()];
  // Whoever comes while the mark is written waits for it, and is not told of the other's trouble.
  await expect(both[0]).rejects.toThrow("ENOSPC");
  await both[1];
  await time.notice();
  expect([writes, here.state.mark]).toEqual([1, null]);
  isBroken = false;
  for (const ms of [-1001, DAY_MS, 2 * DAY_MS]) {
    here.state.offsetMs = ms;
    await time.notice();
  }
  expect(writes).toBe(4);
  expect(here.state.mark).toMatchObject({ believedMs: START + 2 * DAY_MS + DAY_MS + 1000 - 1001 - 2 * DAY_MS });
});

test("a clock that is off by a second was mended, by more it was set", async () => {
  const here = machine();
  const time = await here.startServer();
  const lookAt = (offsetMs: number) => {
    here.state.offsetMs = offsetMs;
    return [time.now().getTime() - START, time.isDoubted()];
  };
  expect(lookAt(1000)).toEqual([1000, false]);
  expect(lookAt(2001)).toEqual([1000, true]);
  expect(lookAt(2000)).toEqual([2000, false]);
});

test("only a clock that was set back by more than a second is noted", async () => {
  const here = machine();
  const time = await here.startServer();
  here.state.offsetMs = -1000;
  await time.notice();
  expect(here.state.mark).toBeNull();
  here.state.offsetMs = -2001;
  await time.notice();
  expect(here.state.mark?.believedMs).toBe(START - 2001);
});

test("a doubt goes on while the clock is mended by a second at a time", async () => {
  for (const [mendedMs, isOver] of [
    [1000, true],
    [1001, false],
  ] as const) {
    const here = machine();
    const time = await here.startServer();
    here.state.offsetMs = DAY_MS;
    time.now();
    here.pass(6 * DAY_MS);
    here.state.offsetMs += mendedMs;
    time.now();
    here.pass(DAY_MS);
    time.now();
    expect(time.isDoubted()).toBe(!isOver);
  }
});

test("the time that a doubt has lasted is counted over servers, but not over a time when the machine was off", async () => {
  for (const isOff of [false, true]) {
    const here = machine();
    const time = await here.startServer();
    here.state.offsetMs = YEARS_MS;
    time.now();
    here.pass(6 * DAY_MS);
    await time.save();
    if (isOff) here.reboot(0);
    // Longer than the machine had been up when the mark was made.
    here.pass(7 * DAY_MS - 6 * DAY_MS - 1);
    if (isOff) here.state.uptimeMs += 30 * DAY_MS;
    const next = await here.startServer();
    next.now();
    expect(next.isDoubted()).toBe(true);
    here.pass(1);
    next.now();
    expect(next.isDoubted()).toBe(isOff);
  }
});

test("a start of the machine that has no name is no start that can be known again", async () => {
  const here = machine();
  const memory = { ...here.memory, bootId: async () => "" };
  await new TrustedTime(here.clock, memory, 7 * DAY_MS).save();
  here.state.offsetMs = YEARS_MS;
  here.pass(DAY_MS);
  const next = new TrustedTime(here.clock, memory, 7 * DAY_MS);
  await next.recall();
  expect(next.now().getTime()).toBe(START);
});

test("a server goes on from the moment at which it recalls, to the millisecond", async () => {
  const here = machine();
  await (await here.startServer()).save();
  here.state.offsetMs = YEARS_MS;
  const atOnce = await here.startServer();
  expect(atOnce.now().getTime()).toBe(START);
  const late = new TrustedTime(here.clock, here.memory, 7 * DAY_MS);
  here.pass(DAY_MS);
  await late.recall();
  expect(late.now().getTime()).toBe(START + DAY_MS);
});

test("who dates a run while the mark is written waits for it", async () => {
  const here = machine();
  const written = Promise.withResolvers<void>();
  const memory = { ...here.memory, write: async () => written.promise };
  const time = new TrustedTime(here.clock, memory, DAY_MS);
  here.state.offsetMs = -DAY_MS;
  const order: string[] = [];
  const both = ["first", "second"].map(async (name) => {
    await time.notice();
    order.push(name);
  });
  await new Promise((resolve) => setImmediate(resolve));
  order.push("written");
  written.resolve();
  await Promise.all(both);
  expect(order[0]).toBe("written");
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
    fc.record({ do: fc.constantFrom("end" as const, "round" as const), ms: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const here = machine();
      let time = await here.startServer();
      const ended: { readonly wallMs: number; readonly trueMs: number }[] = [];
      const round = async (): Promise<void> => {
        const nowMs = time.now().getTime();
        await time.save();
        for (const run of ended) {
          const isForgotten = nowMs >= run.wallMs + 7 * DAY_MS;
          if (isForgotten) expect(here.state.trueMs - run.trueMs).toBeGreaterThanOrEqual(7 * DAY_MS - 50 * 1000);
        }
      };
      await round();
      for (const one of steps) {
        if (one.do === "pass") here.pass(one.ms);
        if (one.do === "set") here.state.offsetMs = one.ms;
        if (one.do === "reboot") here.reboot(one.ms);
        if (one.do === "restart" || one.do === "reboot") time = await here.startServer();
        if (one.do === "end") {
          await time.notice();
          ended.push({ wallMs: here.clock.now().getTime(), trueMs: here.state.trueMs });
        }
        // A server's first round is at its start; whether others come before the clock is set again is left to chance.
        if (one.do === "restart" || one.do === "reboot" || one.do === "round") await round();
      }
      await round();
    }),
    { numRuns: 500 },
  );
});
