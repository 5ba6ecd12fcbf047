import { expect, test } from "vitest";
import type { RunState } from "../domain/run-state.ts";
import { RUN_STATES, isTerminal } from "../domain/run-state.ts";
import { DAY_MS, decideRetention, undoUntil } from "./retention-decision.ts";

const NOW = new Date("2026-03-10T12:00:00Z");
const HOUR_MS = 60 * 60 * 1000;
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const rules = { days: 7, undoMs: HOUR_MS };

const run = (endedAt: Date | null, deletedAt: Date | null = null, state: RunState = "completed") => ({
  state,
  endedAt,
  deletedAt,
});

test.each(RUN_STATES.filter((state) => !isTerminal(state)))(
  "a run that is %s stays, whatever else is true",
  (state) => {
    for (const [endedAt, deletedAt] of [
      [null, null],
      [ago(9999 * DAY_MS), null],
      [ago(9999 * DAY_MS), ago(9999 * DAY_MS)],
    ] as const) {
      expect(decideRetention(run(endedAt, deletedAt, state), rules, NOW, false)).toEqual({
        verdict: "keep",
        reason: "not_ended",
        until: null,
      });
    }
  },
);

test("a run without the time of its end stays", () => {
  expect(decideRetention(run(null), rules, NOW, false)).toMatchObject({ verdict: "keep", reason: "not_ended" });
});

test.each([
  ["1 ms too young", run(ago(7 * DAY_MS - 1)), rules, false, "keep", "younger", new Date(NOW.getTime() + 1)],
  ["old to the millisecond", run(ago(7 * DAY_MS)), rules, false, "forget", "retention_over", null],
  ["ended in the future", run(ago(-DAY_MS)), rules, false, "keep", "younger", ago(-8 * DAY_MS)],
  ["of a fraction of a day", run(ago(DAY_MS / 2)), { ...rules, days: 0.5 }, false, "forget", "retention_over", null],
  ["old, kept for ever", run(ago(9999 * DAY_MS)), { ...rules, days: null }, false, "keep", "kept_for_ever", null],
  ["old with the only copy", run(ago(9 * DAY_MS)), rules, true, "keep", "only_copy", null],
  ["young with the only copy", run(ago(DAY_MS)), rules, true, "keep", "younger", ago(-6 * DAY_MS)],
  ["deleted a moment ago", run(ago(9 * DAY_MS), ago(1)), rules, false, "keep", "undo_open", ago(1 - HOUR_MS)],
  ["deleted, 1 ms left", run(ago(9 * DAY_MS), ago(HOUR_MS - 1)), rules, true, "keep", "undo_open", ago(-1)],
  ["deleted, none left", run(ago(DAY_MS), ago(HOUR_MS)), rules, false, "forget", "deleted", null],
  ["deleted with the only copy", run(ago(DAY_MS), ago(HOUR_MS)), rules, true, "forget", "deleted", null],
  [
    "deleted, kept for ever",
    run(ago(DAY_MS), ago(HOUR_MS)),
    { ...rules, days: null },
    false,
    "forget",
    "deleted",
    null,
  ],
  ["deleted without a window", run(ago(1), NOW), { ...rules, undoMs: 0 }, false, "forget", "deleted", null],
] as const)("%s: %j", (_what, one, given, holdsOnlyCopy, verdict, reason, until) => {
  const expected = verdict === "keep" ? { verdict, reason, until } : { verdict, reason };
  expect(decideRetention(one, given, NOW, holdsOnlyCopy)).toEqual(expected);
});

test("only a deleted run has an end of its undo window", () => {
  expect(undoUntil(run(NOW), HOUR_MS)).toBeNull();
  expect(undoUntil(run(NOW, NOW), HOUR_MS)).toEqual(ago(-HOUR_MS));
});
