import fc from "fast-check";
import { expect, test } from "vitest";
import { pendingRun } from "../../test/fixtures/pending-run.ts";
import { advance, amend, canAdvance, isTerminal, RUN_STATES, type RunState } from "./run.ts";

const START = pendingRun();

const anyState = fc.constantFrom(...RUN_STATES);

test("an ended run never changes its state again", () => {
  const ends: RunState[] = RUN_STATES.filter(isTerminal);
  expect(ends).toEqual(["completed", "failed", "canceled"]);
  for (const end of ends) {
    for (const to of RUN_STATES) {
      expect(() => advance({ ...START, state: end }, to, new Date(1))).toThrow(`cannot go from ${end} to ${to}`);
    }
  }
});

test("a program that ran is never announced as ended before its results were kept", () => {
  for (const end of ["completed", "failed", "canceled"] as const) expect(canAdvance("running", end)).toBe(false);
  expect(canAdvance("running", "storing")).toBe(true);
});

test("any sequence of legal steps keeps the run's bookkeeping consistent", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyState, fc.boolean()), { maxLength: 40 }), (steps) => {
      let run = START;
      let time = 1;
      for (const [to, holdsDevice] of steps) {
        if (!canAdvance(run.state, to)) continue;
        const before = run;
        run = advance(
          run,
          to,
          new Date((time += 1)),
          holdsDevice ? { devices: ["cpu-0"], startedAt: new Date(time) } : {},
        );
        expect(run.version).toBe(before.version + 1);
        expect(run.attempt).toBe(before.attempt + (to === "pending" ? 1 : 0));
        expect(run.endedAt === null).toBe(!isTerminal(run.state));
        if (to === "pending" || isTerminal(to)) expect([run.devices, run.handles]).toEqual([[], []]);
        if (to === "pending") expect([run.startedAt, run.outcome]).toEqual([null, null]);
      }
    }),
  );
});

test("amending leaves the state alone and counts as a write", () => {
  const amended = amend(START, new Date(5), { stopRequestedAt: new Date(5), stopGraceMs: 30_000 });
  expect([amended.state, amended.version, amended.changedAt]).toEqual(["pending", 2, new Date(5)]);
});
