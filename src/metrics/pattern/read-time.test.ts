import { expect, test } from "vitest";
import { readTime } from "./read-time.ts";

const SEEN = new Date(Date.UTC(2026, 0, 2));

test.each([
  ["2026-01-01T10:20:30Z", "2026-01-01T10:20:30.000Z"],
  ["2026-01-01 10:20:30,5", "2026-01-01T10:20:30.500Z"],
  ["2026-01-01T10:20:30.123456+0200", "2026-01-01T08:20:30.123Z"],
  ["1530778263.25", "2018-07-05T08:11:03.250Z"],
  ["1530778263123", "2018-07-05T08:11:03.123Z"],
  ["I0101 10:20:30.000001", "2026-01-01T10:20:30.000Z"],
  // A log of last December, looked at in January.
  ["W1231 23:59:59.9", "2025-12-31T23:59:59.900Z"],
])("'%s' is %s", (text, iso) => {
  expect(readTime(text, SEEN)?.toISOString()).toBe(iso);
});

test.each(["", "yesterday", "12:30", "2026-13-40T99:99:99Z", "0"])("'%s' is no time", (text) => {
  expect(readTime(text, SEEN)).toBeNull();
});
