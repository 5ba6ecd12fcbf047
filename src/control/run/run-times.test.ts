import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { advance } from "../../domain/run.ts";
import { RunTimes } from "./run-times.ts";

const START = Date.UTC(2026, 0, 1);
const SECOND = 1000;
const YEARS = 3650 * 24 * 3600 * SECOND;

function bundle() {
  const time = { wallMs: START, monotonicMs: 0 };
  const clock = {
    now: () => new Date(time.wallMs),
    monotonicMs: () => time.monotonicMs,
    sleep: async () => undefined,
  };
  const pass = (ms: number): void => {
    time.wallMs += ms;
    time.monotonicMs += ms;
  };
  return { time, times: new RunTimes(clock), pass };
}

const run = pendingRun({ submittedAt: new Date(START), changedAt: new Date(START) });

test.each([1, -1, 3600, -3600].map((s) => s * SECOND).concat(YEARS, -YEARS))(
  "a run that lives through a step of %d ms takes as long as it took",
  (stepMs) => {
    const { time, times, pass } = bundle();
    times.note(run);
    pass(5 * SECOND);
    const granted = advance(run, "downloading", times.now(run));
    times.note(granted);
    time.wallMs += stepMs;
    pass(7 * SECOND);
    const now = times.now(granted);
    const running = times.withStart(
      granted,
      advance(granted, "running", now, { startedAt: new Date(time.wallMs) }),
      now,
    );
    times.note(running);
    time.wallMs -= stepMs / 2;
    pass(60 * SECOND);
    expect(running.startedAt?.getTime()).toBe(START + 12 * SECOND);
    expect(times.now(running).getTime()).toBe(START + 72 * SECOND);
  },
);

test("what the machine's time service mends is followed", () => {
  const { time, times, pass } = bundle();
  times.note(run);
  pass(60 * SECOND);
  time.wallMs += 50;
  expect(times.now(run).getTime()).toBe(START + 60_050);
});

test("a server that comes later takes the wall clock, and never a time before the run's last change", () => {
  const { time, times } = bundle();
  time.wallMs += YEARS;
  expect(times.now(run).getTime()).toBe(START + YEARS);
  time.wallMs -= 2 * YEARS;
  expect(times.now(run)).toEqual(run.changedAt);
});

test("a start that was read between the last change and now stays as it was read", () => {
  const { times, pass } = bundle();
  times.note(run);
  const granted = advance(run, "downloading", times.now(run));
  const startedAt = new Date(START + SECOND);
  pass(5 * SECOND);
  const next = advance(granted, "running", times.now(granted), { startedAt });
  expect(times.withStart(granted, next, times.now(granted))).toEqual(next);
  expect(times.withStart(next, next, times.now(next))).toBe(next);
});

test("of a run that has ended nothing is remembered", () => {
  const { time, times } = bundle();
  times.note(run);
  times.note(advance(run, "canceled", new Date(START)));
  time.wallMs += YEARS;
  expect(times.now(run).getTime()).toBe(START + YEARS);
});

test("a run that has ended is dated by the wall clock, also where the answer to the write of its end was lost", () => {
  const { time, times } = bundle();
  times.note(run);
  time.wallMs += YEARS;
  const ended = { ...run, state: "failed" as const };
  expect(times.now(ended).getTime()).toBe(START + YEARS);
});

test("an end is dated no earlier than the wall clock says, and the duration stays", () => {
  const { times } = bundle();
  const ended = { ...run, startedAt: new Date(START), endedAt: new Date(START + 60 * SECOND) };
  const says = new Date(START + YEARS);
  const dated = times.withEnd(ended, says);
  expect(dated.endedAt).toEqual(says);
  expect(Number(dated.endedAt) - Number(dated.startedAt)).toBe(60 * SECOND);
  expect(times.withEnd(ended, new Date(START))).toBe(ended);
  expect(times.withEnd(ended, null)).toBe(ended);
});
