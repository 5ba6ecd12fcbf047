import { expect, test } from "vitest";
import { pendingRun } from "../../test/fixtures/pending-run.ts";
import { completeSpec, type StoredSpec } from "./training-spec.ts";

test("a spec that an earlier version stored is read as not having asked for what came later", () => {
  const { spec } = pendingRun();
  const {
    cpus: _cpus,
    memoryBytes: _memory,
    deviceType: _type,
    checkpoints: _own,
    evaluationMetrics: _metrics,
    ...rest
  } = spec;
  const stored: StoredSpec = { ...rest, framework: { name: "shell", version: "any" } };
  expect(completeSpec(stored)).toEqual(spec);
});

test("a complete spec is read as it is, with its fields in the same order", () => {
  const spec = { ...pendingRun().spec, cpus: 0.5, memoryBytes: 1e9, deviceType: "cpu" };
  // Two submissions are compared by their JSON.
  expect(JSON.stringify(completeSpec(spec))).toBe(JSON.stringify(spec));
});
