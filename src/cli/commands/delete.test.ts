import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-server.ts";
import { CliBench } from "../cli-bench.ts";

test("delete removes several runs, keeps on after a refusal and ends with its code", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(
    scriptedRun({ id: "training-aaaaaaaa1" }),
    scriptedRun({ id: "training-bbbbbbbb2", state: "running", endedAt: null }),
    scriptedRun({ id: "training-cccccccc3" }),
  );
  const { out, err, code } = await bench.trainyard("delete", "@", "b", "training-cccccccc3");
  expect(out).toBe("training-aaaaaaaa1\ntraining-cccccccc3\n");
  expect(err).toContain("error: Run 'training-bbbbbbbb2' is running and cannot be deleted yet.");
  expect(err).toContain("its results bucket is as it was");
  expect(code).toBe(5);
  expect(bench.server.runs.map((run) => run.id)).toEqual(["training-bbbbbbbb2"]);
});

test("an id that means no run stops the whole command before anything is deleted", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: "training-aaaaaaaa1" }));
  expect(await bench.trainyard("delete", "@", "nope")).toMatchObject({ code: 3, out: "" });
  expect(bench.server.runs).toHaveLength(1);
});
