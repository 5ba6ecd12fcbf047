import { expect, test } from "vitest";
import { scriptedRun } from "../client/scripted-run.ts";
import { CliBench } from "./cli-bench.ts";

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  for (const id of ["training-abcdefgh3", "training-abcdefgh2", "training-xyz123451"]) {
    bench.server.runs.push(scriptedRun({ id }));
  }
  return bench;
}

test.each([
  ["training-abcdefgh2", "training-abcdefgh2"],
  ["abcdefgh2", "training-abcdefgh2"],
  ["training-xyz", "training-xyz123451"],
  ["x", "training-xyz123451"],
  ["@", "training-abcdefgh3"],
])("%s means %s", async (text, id) => {
  await using bench = await setUp();
  const { out, code } = await bench.trainyard("show", text, "-o", "name");
  expect({ out, code }).toEqual({ out: `${id}\n`, code: 0 });
});

test("a whole id costs no look-up", async () => {
  await using bench = await setUp();
  await bench.trainyard("show", "training-abcdefgh2");
  expect(bench.server.requests[0]).toBe("GET /api/v1/runs/training-abcdefgh2");
});

test("a beginning that fits several runs is a conflict that lists them", async () => {
  await using bench = await setUp();
  const { err, code } = await bench.trainyard("show", "abc");
  expect(code).toBe(5);
  expect(err).toContain("error: 'abc' is the beginning of 2 runs' ids.\n  training-abcdefgh3   completed");
  expect(err).toContain("\n  training-abcdefgh2 ");
});

test("an empty id is refused, and what cannot be an id is not found, both without asking the server", async () => {
  await using bench = await setUp();
  const empty = await bench.trainyard("show", "");
  expect(empty).toMatchObject({ code: 2, out: "" });
  expect(empty.err).toMatch(/^error: The run's id is empty\.\nhint: Give an id/);
  for (const text of ["a b", "../x", "training-abcdefgh22", "x".repeat(100)]) {
    expect(await bench.trainyard("show", text)).toMatchObject({ code: 3, out: "" });
  }
  expect(bench.server.requests).toEqual([]);
});

test("a beginning that fits no run, and an id that is gone, are not found", async () => {
  await using bench = await setUp();
  expect(await bench.trainyard("show", "nope")).toMatchObject({ code: 3, out: "" });
  expect(await bench.trainyard("show", "training-000000000")).toMatchObject({ code: 3, out: "" });
  bench.server.runs.length = 0;
  const { err, code } = await bench.trainyard("show", "@");
  expect(code).toBe(3);
  expect(err).toContain("There is no run yet");
});
