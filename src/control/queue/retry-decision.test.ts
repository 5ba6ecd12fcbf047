import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { CAUSES, type Cause } from "../../domain/failure.ts";
import type { Run, RunOutcome } from "../../domain/run.ts";
import { decideRetry, pauseLeftMs } from "./retry-decision.ts";

const NOW = new Date(Date.UTC(2026, 0, 1));

function runWith(retries: number, failures: number, more: Partial<Run> = {}): Run {
  const run = pendingRun({ id: "training-abcdefghi", submittedAt: NOW, changedAt: NOW });
  const pastAttempts = Array.from({ length: failures }, (_, i) => {
    return { attempt: i + 1, startedAt: null, endedAt: NOW, failure: failureOf("learner_lost").failure };
  });
  return { ...run, spec: { ...run.spec, retries }, state: "running", attempt: failures + 1, pastAttempts, ...more };
}

function failureOf(cause: Cause): RunOutcome & { readonly state: "failed" } {
  const nothing = { learner: null, exitCode: null, signal: null, logTail: [] };
  return { state: "failed", failure: { ...nothing, cause, phase: "running", attempt: 1, message: "It.", hint: "Do." } };
}

const RETRIED: readonly Cause[] = [
  "data_unreachable",
  "disk_full",
  "environment_not_built",
  "start_failed",
  "learner_lost",
  "service_bug",
];

test.each(Object.keys(CAUSES) as Cause[])(
  "%s is followed by another attempt only if it may pass by itself",
  (cause) => {
    const isRetried = RETRIED.includes(cause);
    for (const retries of [0, 1, 3]) {
      for (const failures of [0, 1, 2, 3]) {
        const run = runWith(retries, failures);
        expect(decideRetry(run, failureOf(cause), 1000) !== null).toBe(isRetried && failures < retries);
        const stopped = { ...run, stopRequestedAt: NOW };
        expect(decideRetry(stopped, failureOf(cause), 1000)).toBeNull();
      }
    }
  },
);

test("what the program did is never blamed on anybody else", () => {
  const programs = (Object.keys(CAUSES) as Cause[]).filter((cause) => CAUSES[cause].turn === "program");
  expect(programs.filter((cause) => RETRIED.includes(cause))).toEqual([]);
});

test.each([{ state: "completed" }, { state: "canceled" }] as const)(
  "a run that is $state is not tried again",
  (outcome) => {
    expect(decideRetry(runWith(3, 0), outcome, 1000)).toBeNull();
  },
);

test("pauses double up to ten minutes, and are the same whenever they are computed", () => {
  const pauses = [0, 1, 2, 3, 9].map((failures) => {
    const decide = (): number | undefined =>
      decideRetry(runWith(10, failures), failureOf("learner_lost"), 10_000)?.pauseMs;
    expect(decide()).toBe(decide());
    return decide() ?? 0;
  });
  const steps = [10_000, 20_000, 40_000, 80_000, 600_000];
  for (const [i, step] of steps.entries()) {
    expect(pauses[i]).toBeGreaterThanOrEqual(step / 2);
    expect(pauses[i]).toBeLessThanOrEqual(step);
  }
});

test("runs that failed together do not return together: their ids spread them over half of the pause", () => {
  const pauseOf = (id: string): number | undefined =>
    decideRetry(runWith(1, 0, { id }), failureOf("learner_lost"), 10_000)?.pauseMs;
  // The bytes of the id decide: 100, 101 and 202 of them, counted modulo 101.
  expect([pauseOf("d"), pauseOf("e"), pauseOf("ee")]).toEqual([10_000, 5000, 5000]);
  expect(pauseOf("training-abcdefghi")).not.toBe(pauseOf("training-abcdefghj"));
});

test("a run waits until its time, and never longer than the longest pause whatever the calendar says", () => {
  const run = runWith(1, 1, { state: "pending", notBefore: new Date(NOW.getTime() + 5000) });
  expect(pauseLeftMs(run, NOW)).toBe(5000);
  expect(pauseLeftMs(run, new Date(NOW.getTime() + 9000))).toBe(0);
  expect(pauseLeftMs(run, new Date(0))).toBe(600_000);
  expect(pauseLeftMs({ ...run, notBefore: null }, NOW)).toBe(0);
});
