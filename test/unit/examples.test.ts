import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readManifest } from "../../src/manifest/read-manifest.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");

function read(path: string): string {
  return readFileSync(join(EXAMPLES, path), "utf8");
}

const files = (pattern: string): string[] => globSync(pattern, { cwd: EXAMPLES }).sort();

test("the patterns of the tests below find what they are for", () => {
  expect(files("*/*/input_data.py").length).toBeGreaterThan(1);
  expect(files("*/*/job.yaml").length).toBeGreaterThan(1);
  expect(files("*/*/job-s3.yaml").length).toBeGreaterThan(0);
});

test.each(files("*/*/job.yaml"))("%s can be submitted as it is", (path) => {
  const { spec, problems, warnings } = readManifest(read(path), path);
  expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
  const program = / (\S+\.(?:py|mjs))(?: |$)/.exec(spec?.command ?? "")?.[1];
  expect(read(join(path, "..", program ?? "no program"))).not.toBe("");
});

test.each(files("*/*/job-s3.yaml"))("%s lacks only the credentials of whoever uses it", (path) => {
  const { problems } = readManifest(read(path), path);
  expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["credential_not_filled_in"]));
});

// Every model definition is complete by itself, so what all of them need is in each.
test.each(files("*/*/input_data.py"))("%s is the same as every other", (path) => {
  expect(read(path)).toBe(read(files("*/*/input_data.py")[0] ?? ""));
});
