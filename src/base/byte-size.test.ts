import { expect, test } from "vitest";
import { formatBytes } from "./byte-size.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [3_060_000, "3.1 MB"],
  [999_950, "1.0 MB"],
  [123_456_789, "123 MB"],
  [5e15, "5000 TB"],
])("%d bytes read as %s", (sizeBytes, text) => {
  expect(formatBytes(sizeBytes)).toBe(text);
});
