import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HOSTILE_ZIPS } from "../../test/fixtures/archives/hostile-zips.ts";
import { formatBytes } from "../base/byte-size.ts";
import * as limits from "./archive-limits.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/reference/model-definition.md"), "utf8");

test("the reference page states every limit as the code has it", () => {
  const { DEFAULT_ARCHIVE_LIMITS, ...fixed } = limits;
  const stated: Record<string, number> = {};
  for (const [, name, value] of PAGE.matchAll(/^\| `(\w+)` +\| ([\d,]+) +\|/gm)) {
    if (name !== undefined && !name.startsWith("archive_")) stated[name] = Number(value?.replaceAll(",", ""));
  }
  expect(stated).toEqual({ ...DEFAULT_ARCHIVE_LIMITS, ...fixed });
});

test("the reference page lists every code that a hostile ZIP ends with", () => {
  const listed = [...PAGE.matchAll(/^\| `(archive_\w+)` +\|/gm)].map(([, code]) => code);
  expect(new Set(listed)).toEqual(new Set(HOSTILE_ZIPS.map((zip) => zip.code)));
});

test("the limits can be said in a message", () => {
  expect(formatBytes(limits.DEFAULT_ARCHIVE_LIMITS.totalBytes)).toBe("2.1 GB");
});
