import fc from "fast-check";
import { expect, test } from "vitest";
import { pendingRun } from "../../test/fixtures/pending-run.ts";
import { advance, amend } from "./run.ts";
import { canAdvance, isTerminal, RUN_STATES } from "./run-state.ts";

const START = pendingRun();

const anyState = fc.constantFrom(...RUN_STATES);

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

test("a step that is not legal is refused by name", () => {
  const ended = { ...START, state: "completed" } as const;
  expect(() => advance(ended, "failed", new Date(1))).toThrow("cannot go from completed to failed");
});

test("amending leaves the state alone and counts as a write", () => {
  const amended = amend(START, new Date(5), { stopRequestedAt: new Date(5), stopGraceMs: 30_000 });
  expect([amended.state, amended.version, amended.changedAt]).toEqual(["pending", 2, new Date(5)]);
});
