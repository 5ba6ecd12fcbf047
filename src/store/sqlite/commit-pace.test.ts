import { expect, test } from "vitest";
import { CommitPace } from "./commit-pace.ts";

function paceAfter(...commits: readonly (readonly [startedMs: number, endedMs: number])[]): CommitPace {
  const pace = new CommitPace();
  for (const [startedMs, endedMs] of commits) pace.note(startedMs, endedMs);
  return pace;
}

test("who writes alone does not wait", () => {
  const pace = paceAfter([0, 3], [4, 7], [8, 11]);
  expect(pace.pauseMs(11)).toBe(0);
});

test("in a crowd as much time is left to others as the last commit took", () => {
  const pace = paceAfter([0, 3], [4, 7], [8, 11], [12, 16]);
  expect(pace.pauseMs(16)).toBe(4);
  expect(pace.pauseMs(19)).toBe(1);
  expect(pace.pauseMs(25)).toBe(0);
});

test("commits that lie far apart are no crowd", () => {
  const pace = paceAfter([0, 3], [20, 23], [40, 43], [60, 63]);
  expect(pace.pauseMs(63)).toBe(0);
});

test("a slow disk makes nobody wait for long", () => {
  const pace = paceAfter([0, 1], [1, 2], [2, 3], [3, 40]);
  expect(pace.pauseMs(40)).toBe(8);
});
