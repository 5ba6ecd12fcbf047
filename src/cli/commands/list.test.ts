import { expect, test } from "vitest";
import { scriptedFailure, scriptedRun } from "../../client/scripted-run.ts";
import { CliBench } from "../cli-bench.ts";

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.server.runs.push(
    scriptedRun({ id: "training-aaaaaaaa3", state: "failed", failure: scriptedFailure(), name: "手書き" }),
    scriptedRun({ id: "training-aaaaaaaa2", state: "running", endedAt: null }),
    scriptedRun({ id: "training-bbbbbbbb1" }),
  );
  return bench;
}

test("list shows a table with ages and why a run failed, aligned by what is seen", async () => {
  await using bench = await setUp();
  const { out, code } = await bench.trainyard("list");
  expect(out).toBe(
    [
      "ID                   NAME       STATE       AGE   FRAMEWORK            WHY",
      "training-aaaaaaaa3   手書き     failed      1 h   tensorflow 1.2-py3   program_exit",
      "training-aaaaaaaa2   tf-mnist   running     1 h   tensorflow 1.2-py3",
      "training-bbbbbbbb1   tf-mnist   completed   1 h   tensorflow 1.2-py3",
      "",
    ].join("\n"),
  );
  expect(code).toBe(0);
});

test("an empty list is a sentence for people and an empty array for programs", async () => {
  await using bench = await CliBench.start();
  expect(await bench.trainyard("list")).toEqual({ code: 0, out: "", err: "No runs.\n" });
  expect(await bench.trainyard("list", "-o", "json")).toEqual({ code: 0, out: "[]\n", err: "" });
});

test("a second condition on a metric is refused, for only one would count", async () => {
  await using bench = await setUp();
  const { code, err } = await bench.trainyard("list", "--metric", "loss<1", "--metric", "acc>0.9");
  expect(code).toBe(2);
  expect(err).toContain("'loss<1' was given before it");
});

test("list -o json is an array of the runs as the server shows them", async () => {
  await using bench = await setUp();
  const { out } = await bench.trainyard("list", "-o", "json");
  expect(JSON.parse(out)).toEqual(bench.server.runs);
});

test("list -o yaml says the same in YAML", async () => {
  await using bench = await setUp();
  const { parse } = await import("yaml");
  const { out } = await bench.trainyard("list", "-o", "yaml");
  expect(parse(out)).toEqual(bench.server.runs);
});

test("list -o name prints ids, of the states asked for", async () => {
  await using bench = await setUp();
  const { out } = await bench.trainyard("list", "--state", "failed,completed", "-o", "name");
  expect(out).toBe("training-aaaaaaaa3\ntraining-bbbbbbbb1\n");
});

test("list says when there are more runs than it shows, and --all reads every page", async () => {
  await using bench = await setUp();
  const some = await bench.trainyard("list", "--limit", "2");
  expect(some.out.split("\n")).toHaveLength(4);
  expect(some.err).toBe("There are more runs; --all lists every one.\n");
  bench.server.runs.push(...Array.from({ length: 1500 }, (_, i) => scriptedRun({ id: `training-x${i}` })));
  const all = await bench.trainyard("list", "--all", "-o", "name");
  expect(all.out.trimEnd().split("\n")).toHaveLength(1503);
});

test("a state that does not exist is refused with the nearest one", async () => {
  await using bench = await setUp();
  const { code, err } = await bench.trainyard("list", "--state", "runing");
  expect(code).toBe(2);
  expect(err).toContain("'runing' is no state of a run (did you mean 'running'?).");
});

test("a name cannot take over the terminal", async () => {
  await using bench = await setUp();
  bench.server.runs[0] = scriptedRun({ id: "training-aaaaaaaa3", name: "\u001b[2J\nx" });
  const { out } = await bench.trainyard("list");
  expect(out).toContain("\\u001b[2J\\u000ax");
});
