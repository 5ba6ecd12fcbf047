import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { STORE_TYPES } from "./connection-fields.ts";
import { GPU_SIZES, SIZES } from "./device-sizes.ts";
import { listKnownFields } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { PROBLEM_CODES } from "./problem.ts";
import { readManifest } from "./read-manifest.ts";

const PAGE = readFileSync(new URL("../../docs/reference/manifest.md", import.meta.url), "utf8");

/** The rows of the first table below a heading, each as the text of its cells. */
function tableBelow(heading: string): string[][] {
  const after = PAGE.slice(PAGE.indexOf(`\n${heading}\n`) + heading.length + 2);
  const lines = after.split("\n");
  const start = lines.findIndex((line) => line.startsWith("|"));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const HEADINGS = [
  ["## Fields of Watson ML's manifests", "wml", null],
  ["## Fields of FfDL's manifests", "ffdl", null],
  ["### connection, directory", "connection", "directory"],
  ["### connection, S3", "connection", "s3"],
  ["### connection, Swift", "connection", "swift"],
] as const;

describe("the reference of the manifest", () => {
  test.each(HEADINGS)("lists every field as the reader knows it: %s", (heading, family, store) => {
    const rows = listKnownFields()
      .filter((field) => field.family === family && field.store === store)
      .map(({ path, type, required, meaning, aliases }) => [
        `\`${path}\``,
        type,
        required ? "yes" : "no",
        meaning,
        aliases.map((alias) => `\`${alias}\``).join(", "),
      ]);
    expect(tableBelow(heading)).toEqual(rows);
  });

  test("lists every type of store", () => {
    const rows = Object.entries(STORE_TYPES).map(([type, store]) => [`\`${type}\``, store]);
    expect(tableBelow("## Data stores")).toEqual(rows);
  });

  test("lists every code with its meaning", () => {
    const rows = Object.entries(PROBLEM_CODES).map(([code, meaning]) => [`\`${code}\``, meaning]);
    expect(tableBelow("## Problems and warnings")).toEqual(rows);
  });

  test("names the sizes and the limits", () => {
    const text = PAGE.replace(/\s+/g, " ");
    for (const sizes of [SIZES, GPU_SIZES]) {
      const names = Object.keys(sizes).map((size) => `\`${size}\``);
      expect(text).toContain(names.join(", "));
      expect(text).toContain(`${Object.values(sizes).join(", ")} devices`);
    }
    for (const limit of ["sizeBytes", "depth", "lexemes", "scalarLength", "bucketBytes"] as const) {
      expect(text).toContain(MANIFEST_LIMITS[limit].toLocaleString("en-US"));
    }
  });

  test("shows manifests that are what it says they are", () => {
    const examples = [...PAGE.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = ""]) => readManifest(text, "job.yaml"));
    expect(examples.map(({ problems }) => problems.map(({ code }) => code))).toEqual([
      [],
      Array.from({ length: 4 }, () => "credential_not_filled_in"),
      [],
      Array.from({ length: 2 }, () => "credential_not_filled_in"),
    ]);
  });
});
