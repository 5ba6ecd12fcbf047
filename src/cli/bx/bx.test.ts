import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { scriptedFailure, scriptedRun } from "../../client/scripted-server.ts";
import { CliBench } from "../cli-bench.ts";
import { MANIFEST, modelZip } from "../submission-samples.ts";

const ID = "training-DOl4q2LkR";

/** Output as the page of 2017 (or a real session of that time) shows it. */
function golden(name: string): string {
  return readFileSync(new URL(`golden/${name}.txt`, import.meta.url), "utf8");
}

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.server.nextRun = scriptedRun({ id: ID, state: "pending", endedAt: null });
  return bench;
}

test("bx ml train prints what the page shows", async () => {
  await using bench = await setUp();
  await bench.write("tf-model.zip", await modelZip());
  await bench.write("job.yaml", MANIFEST);
  const { out, err, code } = await bench.bx("ml", "train", "tf-model.zip", "job.yaml");
  expect(err).toBe("");
  expect(out).toBe(golden("train"));
  expect(code).toBe(0);
  expect(bench.server.submissions[0]?.manifest).toBe(MANIFEST);
});

test("bx ml list trained-models prints what the page shows", async () => {
  await using bench = await setUp();
  bench.server.runs.push(scriptedRun({ id: ID, state: "pending" }));
  const { out, err, code } = await bench.bx("ml", "list", "trained-models");
  expect({ out, err, code }).toEqual({ out: golden("list-trained-models"), err: "", code: 0 });
});

test("bx ml list training-runs without runs prints what a real session showed", async () => {
  await using bench = await setUp();
  const { out } = await bench.bx("ml", "list", "training-runs");
  expect(out).toBe(golden("list-training-runs-empty"));
});

test("bx ml list widens a column for a longer name, numbers the newest first and maps states", async () => {
  await using bench = await setUp();
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
  await using bench = await setUp();
  bench.server.runs.push(...Array.from({ length: 2100 }, (_, i) => scriptedRun({ id: `training-${i}` })));
  const { out } = await bench.bx("ml", "list", "trained-models");
  expect(out).toContain("\n2100 records found.\n");
});

test("bx ml show trained-models prints what the page shows", async () => {
  await using bench = await setUp();
  bench.server.runs.push(scriptedRun({ id: ID, state: "running", submittedAt: "2017-10-26T11:10:37.999Z" }));
  const { out, err, code } = await bench.bx("ml", "show", "trained-models", ID);
  expect({ out, err, code }).toEqual({ out: golden("show-trained-models"), err: "", code: 0 });
});

test("bx ml show tells why a run failed", async () => {
  await using bench = await setUp();
  bench.server.runs.push(scriptedRun({ id: ID, state: "failed", failure: scriptedFailure() }));
  const { out } = await bench.bx("ml", "show", "trained-models", ID);
  expect(out).toContain("State          error\n");
  expect(out).toContain("Message        The program ended with exit code 1.\nOK\n");
});

test("bx ml delete trained-models prints what the page shows", async () => {
  await using bench = await setUp();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const { out, err, code } = await bench.bx("ml", "delete", "trained-models", ID);
  expect({ out, err, code }).toEqual({ out: golden("delete-trained-models"), err: "", code: 0 });
  expect(bench.server.runs).toEqual([]);
});

test("training-runs is answered in the words of 2018", async () => {
  await using bench = await setUp();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const list = await bench.bx("ml", "list", "training-runs");
  expect(list.out).toContain("status      framework    version   submitted-at\n");
  expect(list.out).toMatch(/^Fetching the list of training runs \.\.\.\n/);
  expect(list.out).toMatch(/OK\nList all training-runs successful\n$/);
  const show = await bench.bx("ml", "show", "training-runs", ID);
  expect(show.out).toMatch(/^Fetching the training runs details with MODEL-ID 'training-DOl4q2LkR' \.\.\.\n/);
  expect(show.out).toMatch(/OK\nShow training-runs details successful\n$/);
  const deleted = await bench.bx("ml", "delete", "training-runs", ID);
  expect(deleted.out).toBe(`Deleting the training run '${ID}' ...\nOK\nDelete training-runs successful\n`);
});

test("bx ml monitor follows the log to its last byte", async () => {
  await using bench = await setUp();
  bench.server.runs.push(scriptedRun({ id: ID }));
  bench.server.appendLog(ID, "Status: STORING\nlast line without end", true);
  const { out } = await bench.bx("ml", "monitor", "training-runs", ID);
  expect(out).toBe(`Starting to fetch status messages for model-id '${ID}'\nStatus: STORING\nlast line without end`);
});

test("bx ml cancel stops a run", async () => {
  await using bench = await setUp();
  bench.server.runs.push(scriptedRun({ id: ID, state: "running", endedAt: null }));
  const { out } = await bench.bx("ml", "cancel", "training-runs", ID);
  expect(out).toBe(`Canceling training for MODEL-ID '${ID}'...\nOK\nCancel training successful\n`);
  expect(bench.server.runs[0]?.stopRequestedAt).not.toBeNull();
});

test("bx ml alone prints the help of 2017", async () => {
  await using bench = await setUp();
  expect(await bench.bx("ml")).toEqual({ code: 0, out: golden("help"), err: "" });
  expect(await bench.bx()).toEqual({ code: 0, out: golden("help"), err: "" });
  const { out } = await bench.bx("ml", "help", "show");
  expect(out).toBe("USAGE:\n   bx ml show trained-models|training-runs MODEL-ID\n");
});

test.each([
  [["ml", "shwo"], "'shwo' is not a command of 'bx ml' (did you mean 'show'?)."],
  [["iam", "login"], "'bx iam' is not known here; only 'bx ml' is."],
  [["ml", "deploy", "x"], "'bx ml deploy' serves models, and Trainyard trains them only."],
  [
    ["ml", "list", "trained-model"],
    "'trained-model' is nothing that 'bx ml list' knows (did you mean 'trained-models'?).",
  ],
  [["ml", "list", "deployments"], "'bx ml list deployments' is not answered by this server."],
  [["ml", "show", "trained-models"], "'bx ml show' was given too few words or too many."],
  [["ml", "show", "trained-models", "training-xxxxxxxxx"], "No run has the id 'training-xxxxxxxxx'."],
  [["ml", "train", "missing.zip", "job.yaml"], "There is no file 'missing.zip' (wanted as the model definition)."],
])("bx %j fails with a sentence", async (args, sentence) => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST);
  const { err, code } = await bench.bx(...args);
  expect(code).toBe(1);
  expect(err.split("\n").slice(0, 2)).toEqual(["FAILED", sentence]);
});

test("bx ml train tells every problem with its place and sends nothing", async () => {
  await using bench = await setUp();
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
