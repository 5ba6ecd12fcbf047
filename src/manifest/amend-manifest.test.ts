import { expect, test } from "vitest";
import { amendManifest } from "./amend-manifest.ts";
import { readManifest } from "./read-manifest.ts";

const BLOCK = `# nightly
model_definition:
  name: a
  framework: {name: shell, version: any}
  execution:
    # what runs
    command: echo a b # twice
    time_limit: 9h
training_results: {target: {bucket: out, type: directory}}
`;
const FLOW = BLOCK.replace(/ {2}execution:[^]*?9h\n/, '  execution: {command: "true"}\n');
const JSON_TEXT = JSON.stringify({
  model_definition: { name: "a", framework: { name: "shell", version: "any" }, execution: { command: "true" } },
});
const FFDL = `name: a
framework: {name: shell, version: any, command: "true"}
retries: 1
data_stores: [{type: directory, training_results: {container: out}}]
`;

test.each([
  ["in block notation", BLOCK],
  ["in flow notation", FLOW],
  ["in JSON", JSON_TEXT],
  ["of FfDL's family", FFDL],
  ["with carriage returns", BLOCK.replaceAll("\n", "\r\n")],
])("a manifest %s says what was put, and all else as before", (_how, text) => {
  const before = readManifest(text, "job.yaml");
  const after = readManifest(amendManifest(text, { time_limit: "1h30m", retries: "2" }), "job.yaml");
  expect([before.problems, after.problems]).toEqual([[], []]);
  expect(after.spec).toEqual({ ...before.spec, timeLimitMs: 5_400_000, retries: 2 });
  expect(amendManifest(text, {})).toEqual(text);
});

test("what is no manifest comes back as it was", () => {
  for (const text of ["", "- a", "a: [", "name: x\n"]) expect(amendManifest(text, { retries: "2" })).toBe(text);
});
