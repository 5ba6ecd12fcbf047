import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Run } from "../../src/domain/run.ts";
import { controlBundle, MANIFEST } from "./control-bundle.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const YEARS = 3650 * 24 * HOUR;
const STEPS = [SECOND, -SECOND, HOUR, -HOUR, YEARS, -YEARS];
const admin = { account: "admin" };

/** The machine's clock, which can be set; what passes on the machine goes on as it does. */
function settableClock() {
  let offsetMs = 0;
  return {
    clock: { ...systemClock, now: () => new Date(Date.now() + offsetMs) },
    set: (ms: number) => void (offsetMs = ms),
  };
}

/** No test takes longer than this, so no duration may be longer. */
const LONGEST_MS = 15 * SECOND;

function expectDurations(run: Run): void {
  const times = [run.submittedAt, run.startedAt ?? run.submittedAt, run.endedAt as Date].map((time) => time.getTime());
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  // Its end is dated by the calendar, so that it is kept long enough; the time that it took is its own.
  expect((times[2] as number) - (times[1] as number)).toBeLessThan(LONGEST_MS);
}

test.each(STEPS)(
  "a clock that is set by %d ms while a run waits, lives and stores changes nothing of it",
  async (ms) => {
    const { clock, set } = settableClock();
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const ends = [first.promise, second.promise];
    await using bundle = await controlBundle({
      clock,
      slots: 1,
      retentionDays: 7,
      script: () => ({ kind: "exits", exitCode: 0, after: ends.shift() ?? Promise.resolve() }),
    });
    const living = await bundle.submit();
    await bundle.untilState(living.id, "running");
    const waiting = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
    set(ms);
    first.resolve();
    const ended = await bundle.untilEnded(living.id);
    await bundle.untilState(waiting.id, "running");
    set(0);
    second.resolve();
    const last = await bundle.untilEnded(waiting.id);
    for (const run of [ended, last]) {
      expect(run.state).toBe("completed");
      expectDurations(run);
    }
    set(ms);
    await bundle.restart();
    set(0);
    await bundle.restart();
    for (const { id } of [ended, last]) expect((await bundle.control.runs.get(id)).state).toBe("completed");
  },
);

test.each(STEPS)("a clock that is set by %d ms within the grace of a stop leaves the run canceled", async (ms) => {
  const { clock, set } = settableClock();
  await using bundle = await controlBundle({ clock, script: () => ({ kind: "runs", onStop: "ignores" }) });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await bundle.control.runs.requestStop(id, 300, admin);
  set(ms);
  const ended = await bundle.untilEnded(id);
  expect([ended.state, ended.failure]).toEqual(["canceled", null]);
  expectDurations(ended);
});

test.each(STEPS)(
  "with the clock set by %d ms a program that ended before the wish to stop keeps its outcome",
  async (ms) => {
    const { clock, set } = settableClock();
    const noticed = Promise.withResolvers<void>();
    await using bundle = await controlBundle({
      clock,
      script: () => ({ kind: "exits", exitCode: 3 }),
      // It has ended, but something of it is left for a while, and nobody tells.
      engine: (real) => ({
        waitForEnd: async (handle, signal) => {
          await noticed.promise;
          return real.waitForEnd(handle, signal);
        },
      }),
    });
    const { id } = await bundle.submit();
    await bundle.untilState(id, "running");
    set(ms);
    await bundle.control.runs.requestStop(id, 300, admin);
    noticed.resolve();
    expect(await bundle.untilEnded(id)).toMatchObject({ state: "failed", failure: { exitCode: 3 } });
  },
);
