import fc from "fast-check";
import { expect, test } from "vitest";

import { parseMemory, printMemory } from "./memory-size.ts";

test.each([
  ["1MB", 1_000_000],
  ["1MiB", 1_048_576],
  ["8Gb", 8_000_000_000],
  ["16 gb", 16_000_000_000],
  ["1.5GiB", 1_610_612_736],
  ["0.1MiB", 104_857],
  ["0.000001MB", 1],
  ["2TB", 2_000_000_000_000],
  ["1.000000TiB", 1_099_511_627_776],
  // More than a floating point number of gigabytes could count.
  ["8191.999999TiB", 9_007_199_253_641_480],
])("%s is %i bytes", (text, bytes) => {
  expect(parseMemory(text)).toBe(bytes);
});

test.each([
  "",
  "8",
  "8B",
  "8KB",
  "8G",
  "8Gi",
  "8GBs",
  "GB",
  "-1GB",
  "+1GB",
  "1,5GB",
  "1.GB",
  ".5GB",
  "1e3MB",
  "8  GB",
  "0GB",
  "0.0000001GB",
  "9999999999TB",
  "8GB 8GB",
  "８GB",
  "inf GB",
  "0x8GB",
])("%j is no amount of memory", (text) => {
  expect(parseMemory(text)).toBeNull();
});

test("every amount is printed so that it reads as the same", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
      expect(parseMemory(printMemory(bytes))).toBe(bytes);
    }),
  );
});

test.each([
  [24_000_000_000, "24GB"],
  [1_073_741_824, "1GiB"],
  [1_000 * 1024 ** 2, "1000MiB"],
  [1_500_000, "1.5MB"],
])("%i bytes are printed as %s", (bytes, text) => {
  expect(printMemory(bytes)).toBe(text);
});
