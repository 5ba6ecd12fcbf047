import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDuration, parseDuration, printDuration } from "./duration.ts";

test.each([
  ["90m", 5_400_000],
  ["1h30m", 5_400_000],
  ["1h 30 min", 5_400_000],
  ["2d", 172_800_000],
  ["45 seconds", 45_000],
  ["1D12H", 129_600_000],
  ["1-12:00:00", 129_600_000],
  ["01:30:00", 5_400_000],
  ["100:00:00", 360_000_000],
  ["0s", 0],
])("'%s' is %i ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", " ", "90", "10:30", "1-12", "1h1h", "30m1h", "-1h", "1.5h", "5 weeks", "1h,", "00:60:00", "1d-1:00:00"])(
  "'%s' is no duration",
  (text) => {
    expect(parseDuration(text)).toBeNull();
  },
);

test("what was printed reads as the same time", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 * 86_400 }), (seconds) => {
      expect(parseDuration(printDuration(seconds * 1000))).toBe(seconds * 1000);
    }),
  );
});

test("measured times are told as exactly as somebody wants to know", () => {
  expect([formatDuration(3_040), formatDuration(90_400), formatDuration(7_200_000)]).toEqual(["3.0 s", "1m30s", "2h"]);
});
