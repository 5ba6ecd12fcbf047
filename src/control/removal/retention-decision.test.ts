import { expect, test } from "vitest";
import { NOW, RETENTION_CASES } from "../../../test/fixtures/retention-cases.ts";
import { DAY_MS, decideRetention, undoUntil } from "./retention-decision.ts";

test.each(RETENTION_CASES)("a run that is $what is decided as $expected", ({ run, rules, holdsOnlyCopy, expected }) => {
  expect(decideRetention(run, rules, NOW, holdsOnlyCopy)).toEqual(expected);
});

test("only a deleted run has an end of its undo window", () => {
  expect(undoUntil({ deletedAt: null }, 1000)).toBeNull();
  expect(undoUntil({ deletedAt: NOW }, 1000)).toEqual(new Date(NOW.getTime() + 1000));
});

test("a day has 24 hours", () => {
  expect(DAY_MS).toBe(86_400_000);
});
