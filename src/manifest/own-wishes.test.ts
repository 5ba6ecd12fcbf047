import { expect, test } from "vitest";

import { NO_WISHES } from "../domain/training-spec.ts";
import { readManifest } from "./read-manifest.ts";

/** Both dialects with the same fields of ours in the places where they have them. */
function wml({ execution = "", data = "", results = "" }: Wishes): string {
  return `
model_definition:
  name: a
  framework: {name: shell, version: any}
  execution: {command: "true", ${execution}}
training_data: {source: {bucket: in, type: directory}, ${data}}
training_results: {target: {bucket: out, type: directory}, ${results}}
`;
}

function ffdl({ execution = "", data = "", results = "" }: Wishes): string {
  return `
{name: a, framework: {name: shell, version: any, command: "true"}, ${execution === "" ? "" : `${execution},`}
data_stores: [{type: directory, training_data: {container: in, ${data}}, training_results: {container: out, ${results}}}]}
`;
}

interface Wishes {
  readonly execution?: string;
  readonly data?: string;
  readonly results?: string;
}

test.each([
  ["Watson ML's", wml],
  ["FfDL's", ffdl],
])("a manifest of %s family says how long, how often, of what and how soon", (_family, manifest) => {
  const { spec, problems } = readManifest(
    manifest({
      execution: "time_limit: 1-12:00:00, retries: 3",
      data: "prefix: train/, include: ['**/*.png', '{a,b}/*'], exclude: '*.tmp'",
      results: "sync: 5m",
    }),
    "job.yaml",
  );
  expect(problems).toEqual([]);
  expect(spec).toMatchObject({
    timeLimitMs: 129_600_000,
    retries: 3,
    selection: { prefix: "train/", include: ["**/*.png", "{a,b}/*"], exclude: ["*.tmp"] },
    resultsSyncMs: 300_000,
  });
  expect(readManifest(manifest({}), "job.yaml").spec).toMatchObject(NO_WISHES);
});

test.each([
  [{ execution: "time_limit: 3600" }, "is '3600', which is no time.", "Say of what: 3600s, 3600m or 3600h."],
  [
    { execution: "time_limit: 10:30" },
    "is '10:30', which is no time.",
    "Slurm reads it as minutes, others as hours: write 10m30s or 10h30m.",
  ],
  [
    { execution: "time_limit: -5m" },
    "is '-5m', which is no time.",
    "It cannot be negative. Write it with units, like 90m, 1h30m or 2d, or like Slurm's 1-12:00:00.",
  ],
  [
    { execution: "time_limit: 3 fortnights" },
    "is '3 fortnights', which is no time.",
    "Write it with units, like 90m, 1h30m or 2d, or like Slurm's 1-12:00:00.",
  ],
  [{ execution: "time_limit: 0s" }, "is '0s'; it may be from 1s to 365d.", "Write a time from 1s to 365d."],
  [{ execution: "time_limit: 999999d" }, "is '999999d'; it may be from 1s to 365d.", "Write a time from 1s to 365d."],
  [{ execution: "retries: -1" }, "is '-1'.", "Write a whole number from 0 to 10."],
  [{ execution: "retries: 11" }, "is '11'.", "Write a whole number from 0 to 10."],
  [{ execution: "retries: 1.5" }, "is '1.5'.", "Write a whole number from 0 to 10."],
  [{ results: "sync: 9s" }, "is '9s'; it may be from 10s to 1d.", "Write a time from 10s to 1d."],
  [{ data: "include: {a: b}" }, "must be text, and it is a map.", "Write one value."],
  [{ data: "include: [a, [b]]" }, "must be text, and it is a list.", "Write one value."],
  [
    { data: `exclude: [${"a, ".repeat(101)}]` },
    "lists 101 globs; it may have at most 100.",
    "Say with fewer what is wanted, as with ** and {a,b}.",
  ],
] satisfies [Wishes, string, string][])("%j is refused where it stands", (wishes, fact, hint) => {
  const [part = ""] = Object.values(wishes);
  const field = part.slice(0, part.indexOf(":"));
  for (const manifest of [wml(wishes), ffdl(wishes)]) {
    const [problem, ...others] = readManifest(manifest, "job.yaml").problems;
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: "value_invalid", hint });
    expect(problem?.message).toMatch(new RegExp(`${field}(?:\\[1\\])?' `));
    expect(problem?.message).toContain(fact);
    const line = manifest.split("\n")[(problem?.line ?? 0) - 1] ?? "";
    // At the value, which stands behind its key.
    expect(line.slice(0, (problem?.column ?? 1) - 1)).toContain(`${field}: `);
  }
});

test.each(["/", "../", "./a", "/etc/", "a//b"])(
  "the prefix '%s' is the beginning of a key like any other",
  (prefix) => {
    const { spec, problems } = readManifest(wml({ data: `prefix: '${prefix}'` }), "job.yaml");
    expect(problems).toEqual([]);
    expect(spec?.selection.prefix).toBe(prefix);
  },
);
