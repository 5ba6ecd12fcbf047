import { expect, test } from "vitest";
import { scriptedFailure, scriptedRun } from "../../client/scripted-run.ts";
import { MANIFEST, modelZip } from "../submission-samples.ts";
import { definitionId } from "./bx-definition-id.ts";
import { golden, ID, startBxBench } from "./test-golden.ts";

test("bx ml train prints what the page shows", async () => {
  await using bench = await startBxBench();
  await bench.write("tf-model.zip", await modelZip());
  await bench.write("job.yaml", MANIFEST);
  const { out, err, code } = await bench.bx("ml", "train", "tf-model.zip", "job.yaml");
  expect({ out, err, code }).toEqual({ out: golden("train"), err: "", code: 0 });
  expect(bench.server.submissions[0]?.manifest).toBe(MANIFEST);
});

test("bx ml train tells every problem with its place and sends nothing", async () => {
  await using bench = await startBxBench();
  await bench.write("tf-model.zip", await modelZip());
  await bench.write("job.yaml", MANIFEST.replace("command:", "comand:"));
  const { err, code } = await bench.bx("ml", "train", "tf-model.zip", "job.yaml");
  expect(code).toBe(1);
  expect(err).toMatch(/^FAILED\nThe submission has 2 problems, so nothing was sent\.\n/);
  expect(err).toContain(
    "\njob.yaml:7:5: 'model_definition.execution' has no field 'comand'. Did you mean 'command'?\n",
  );
  expect(bench.server.requests).toEqual([]);
});

test.each(["trained-models", "training-runs"])("bx ml list %s prints what its page shows", async (noun) => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID, state: "pending" }));
  const { out, err, code } = await bench.bx("ml", "list", noun);
  expect({ out, err, code }).toEqual({ out: golden(`list-${noun}`), err: "", code: 0 });
});

test("bx ml list training-runs without runs prints what a real session showed", async () => {
  await using bench = await startBxBench();
  const { out } = await bench.bx("ml", "list", "training-runs");
  expect(out).toBe(golden("list-training-runs-empty"));
});

test("bx ml list widens a column for a longer name, numbers the newest first and maps states", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(
    scriptedRun({ id: "training-000000003", state: "failed", name: "a name of twenty-nine letters" }),
    scriptedRun({ id: "training-000000002", state: "storing" }),
    scriptedRun({ id: "training-000000001", state: "downloading" }),
  );
  const { out } = await bench.bx("ml", "list", "trained-models");
  expect(out.split("\n").slice(1, 6)).toEqual([
    "SI No   Name                            guid                 status    submitted-at",
    "1       a name of twenty-nine letters   training-000000003   error     2017-10-26T11:16:51Z",
    "2       tf-mnist                        training-000000002   running   2017-10-26T11:16:51Z",
    "3       tf-mnist                        training-000000001   pending   2017-10-26T11:16:51Z",
    "",
  ]);
});

test("bx ml list tells every run, not only the first page", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(...Array.from({ length: 2100 }, (_, i) => scriptedRun({ id: `training-${i}` })));
  const { out } = await bench.bx("ml", "list", "trained-models");
  expect(out).toContain("\n2100 records found.\n");
});

test("bx ml list frameworks prints what the server can run, in the page's form", async () => {
  await using bench = await startBxBench();
  bench.server.frameworks.push({ name: "scikit-learn", version: "0.17" }, { name: "tensorflow", version: "1.2-py3" });
  const { out, err, code } = await bench.bx("ml", "list", "frameworks");
  expect({ out, err, code }).toEqual({ out: golden("list-frameworks"), err: "", code: 0 });
});

test.each(["trained-models", "training-runs"])("bx ml show %s prints what its page shows", async (noun) => {
  await using bench = await startBxBench();
  bench.server.runs.push(
    scriptedRun({
      id: ID,
      state: "running",
      submittedAt: "2017-10-26T11:10:37.999Z",
      definition: { sha256: "64154e3a13978d95245c1af73421ed87".padEnd(64, "0"), sizeBytes: 12_580 },
    }),
  );
  const { out, err, code } = await bench.bx("ml", "show", noun, ID);
  expect({ out, err, code }).toEqual({ out: golden(`show-${noun}`), err: "", code: 0 });
});

test("bx ml show tells why a run failed", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID, state: "failed", failure: scriptedFailure() }));
  const { out } = await bench.bx("ml", "show", "trained-models", ID);
  expect(out).toContain("State          error\n");
  expect(out).toContain("Message        The program ended with exit code 1.\nOK\n");
});

test("the id of a training definition is a UUID of version 8 with the beginning of the ZIP's SHA-256", () => {
  const sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  expect(definitionId(sha256)).toBe("01234567-89ab-8def-8123-456789abcdef");
  expect(definitionId("f".repeat(64))).toBe("ffffffff-ffff-8fff-bfff-ffffffffffff");
});

test.each(["trained-models", "training-runs"])("bx ml delete %s prints what its page shows", async (noun) => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const { out, err, code } = await bench.bx("ml", "delete", noun, ID);
  expect({ out, err, code }).toEqual({ out: golden(`delete-${noun}`), err: "", code: 0 });
  expect(bench.server.runs).toEqual([]);
});

test("bx ml knows a deleted run no more, though trainyard can take it back", async () => {
  await using bench = await startBxBench();
  bench.server.undoUntil = "2099-01-01T00:00:00.000Z";
  bench.server.runs.push(scriptedRun({ id: ID }));
  const { out, code } = await bench.bx("ml", "delete", "training-runs", ID);
  expect({ out, code }).toEqual({ out: golden("delete-training-runs"), code: 0 });
  expect((await bench.bx("ml", "list", "training-runs")).out).toContain("\n0 records found.\n");
  expect(await bench.bx("ml", "show", "training-runs", ID)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^FAILED\nNo run's id begins with/),
  });
  expect(bench.server.runs).toHaveLength(1);
});

test("bx ml cancel stops a run, and refuses one that has ended", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID, state: "running", endedAt: null }));
  const { out, err, code } = await bench.bx("ml", "cancel", "training-runs", ID);
  expect({ out, err, code }).toEqual({ out: golden("cancel-training-runs"), err: "", code: 0 });
  expect(bench.server.runs[0]?.stopRequestedAt).not.toBeNull();
  bench.server.change(ID, { state: "canceled", endedAt: "2017-10-26T11:17:51.123Z" });
  const again = await bench.bx("ml", "cancel", "training-runs", ID);
  expect(again.code).toBe(1);
  expect(again.err).toMatch(/^FAILED\nRun 'training-DOl4q2LkR' has already ended\.\n/);
});

test("bx ml store says where the results are instead of storing a model", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const { out, err, code } = await bench.bx("ml", "store", "training-runs", ID);
  expect({ out, err, code }).toEqual({ out: "", err: golden("store-training-runs"), code: 1 });
});
