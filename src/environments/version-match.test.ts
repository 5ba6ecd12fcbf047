import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions, isBeginningOf, isNamed, parseVersionRequest, versionNumbers } from "./version-match.ts";

describe("a version request", () => {
  it.each([
    ["1.13", [1, 13], null],
    ["v24", [24], null],
    [" 1.2-py3 ", [1, 2], [3]],
    ["1.2-PY2", [1, 2], [2]],
    ["1.5-py3.6", [1, 5], [3, 6]],
    ["any", "any", null],
    ["Latest-py3", "latest", [3]],
  ])("reads '%s'", (text, wanted, python) => {
    expect(parseVersionRequest(text)).toEqual({ wanted, python });
  });

  it.each(["luajit", "1.x", "1..2", "1.", "", "1.5-py3-horovod", "1.13.0a0", "py3", "9".repeat(400)])(
    "does not read numbers into '%s'",
    (text) => {
      expect(parseVersionRequest(text)).toBeUndefined();
    },
  );

  it("never throws, whatever the manifest says", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseVersionRequest(text);
      }),
    );
  });
});

describe("the beginning of a version", () => {
  it("is compared by component, not by character", () => {
    expect(isBeginningOf([1, 13], versionNumbers("1.13.1"))).toBe(true);
    expect(isBeginningOf([1, 13], versionNumbers("1.130"))).toBe(false);
    expect(isBeginningOf([1, 1], versionNumbers("1.13"))).toBe(false);
    expect(isBeginningOf([1, 13, 1], versionNumbers("1.13"))).toBe(false);
  });

  it("is every cut of the version itself, and of no version that differs within it", () => {
    const numbers = fc.array(fc.nat(200), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(numbers, fc.nat(4), (version, at) => {
        const cut = version.slice(0, 1 + (at % version.length));
        expect(isBeginningOf(cut, versionNumbers(version.join(".")))).toBe(true);
        const other = version.with(cut.length - 1, (version[cut.length - 1] as number) + 1);
        expect(isBeginningOf(cut, versionNumbers(other.join(".")))).toBe(false);
      }),
    );
  });

  it("leaves out what follows the numbers", () => {
    expect(versionNumbers("1.13.0a0+git1234")).toEqual([1, 13, 0]);
    expect(versionNumbers("luajit")).toEqual([]);
  });
});

it("1.10 is newer than 1.9", () => {
  expect(compareVersions("1.10", "1.9.3")).toBeGreaterThan(0);
  expect(compareVersions("1.0", "1")).toBe(0);
});

it("a name is a version's own words without regard to case and surrounding blanks", () => {
  expect(isNamed({ version: "LuaJIT", aliases: [] }, " luajit ")).toBe(true);
  expect(isNamed({ version: "1.15", aliases: ["1.2-py3"] }, "1.2-py3")).toBe(true);
  expect(isNamed({ version: "1.15", aliases: ["1.2-py3"] }, "1.2")).toBe(false);
});
