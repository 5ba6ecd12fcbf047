import { expect, test } from "vitest";
import { canAdvance, isTerminal, RUN_STATES, type RunState } from "./run-state.ts";

const LEGAL: Record<RunState, readonly RunState[]> = {
  pending: ["downloading", "storing", "failed", "canceled"],
  downloading: ["pending", "running", "storing"],
  running: ["pending", "storing"],
  storing: ["completed", "failed", "canceled"],
  completed: [],
  failed: [],
  canceled: [],
};

test.each(RUN_STATES)("from %s a run goes where the picture says and nowhere else", (from) => {
  expect(RUN_STATES.filter((to) => canAdvance(from, to))).toEqual(LEGAL[from]);
});

test("exactly the three ends are terminal", () => {
  expect(RUN_STATES.filter(isTerminal)).toEqual(["completed", "failed", "canceled"]);
});

test("what was begun is never announced as ended before its results and logs were kept", () => {
  const ends = RUN_STATES.filter(isTerminal);
  for (const begun of ["downloading", "running"] as const) {
    expect(ends.filter((end) => canAdvance(begun, end))).toEqual([]);
    expect(canAdvance(begun, "storing")).toBe(true);
  }
});
