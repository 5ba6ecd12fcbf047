import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scriptedFailure, scriptedRun } from "../../client/scripted-run.ts";
import { readManifest } from "../../manifest/read-manifest.ts";
import { CliBench } from "../cli-bench.ts";
import { MANIFEST, modelZip } from "../submission-samples.ts";

const ID = "training-DOl4q2LkR";

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.server.nextRun = scriptedRun({ id: ID, state: "pending", endedAt: null });
  await bench.write("model.zip", await modelZip());
  await bench.write("job.yaml", MANIFEST);
  return bench;
}

test("submit prints the id on stdout and the next commands on stderr", async () => {
  await using bench = await setUp();
  const { out, err, code } = await bench.trainyard("submit", "model.zip", "job.yaml");
  expect({ out, code }).toEqual({ out: `${ID}\n`, code: 0 });
  expect(err).toContain(`  trainyard logs -f ${ID}   follow its log\n`);
  expect(bench.server.submissions[0]).toMatchObject({ manifest: MANIFEST, zip: await modelZip() });
});

test("the next commands carry the flags that led to the server", async () => {
  await using bench = await setUp();
  bench.env["TRAINYARD_HOME"] = undefined;
  const { err } = await bench.trainyard("submit", "model.zip", "job.yaml", "--home", "home");
  expect(err).toContain(`  trainyard --home home logs -f ${ID} `);
});

test("submit -q says nothing but the id, and takes manifest and ZIP in either order", async () => {
  await using bench = await setUp();
  expect(await bench.trainyard("submit", "-q", "job.yaml", "model.zip")).toEqual({ code: 0, out: `${ID}\n`, err: "" });
});

test("--time-limit and --retries take the place of what the manifest says", async () => {
  await using bench = await setUp();
  await bench.trainyard("submit", "-q", "model.zip", "job.yaml", "--time-limit", "1h30m", "--retries", "2");
  const { spec } = readManifest(bench.server.submissions[0]?.manifest ?? "", "job.yaml");
  expect(spec).toMatchObject({ timeLimitMs: 5_400_000, retries: 2 });
  const long = await bench.trainyard("submit", "model.zip", "job.yaml", "--time-limit", "400d");
  expect(long.err).toContain("'400d' is no value for '--time-limit <time>'. It may be from 1s to 365d.");
  const refused = await bench.trainyard("submit", "model.zip", "job.yaml", "--time-limit", "90");
  expect(refused.code).toBe(2);
  expect(refused.err).toContain("It must be a time such as 90m, 1h30m, 2d or 1-12:00:00.");
  expect(bench.server.submissions).toHaveLength(1);
});

test("a folder is packed first", async () => {
  await using bench = await setUp();
  await mkdir(join(bench.folder, "model"));
  await bench.write("model/train.py", "print(1)\n");
  const { code } = await bench.trainyard("submit", "model", "job.yaml");
  expect(code).toBe(0);
  const zip = bench.server.submissions[0]?.zip as Buffer;
  expect(zip.subarray(0, 2).toString()).toBe("PK");
  expect(zip.includes("train.py")).toBe(true);
});

test.each(["cut", "cut-after-work"] as const)("a connection that breaks (%s) makes one run, not two", async (fault) => {
  await using bench = await setUp();
  bench.server.faults.push(fault);
  const { out, code } = await bench.trainyard("submit", "-q", "model.zip", "job.yaml");
  expect({ out, code }).toEqual({ out: `${ID}\n`, code: 0 });
  expect(bench.server.runs).toHaveLength(1);
  const keys = new Set(bench.server.submissions.map((submission) => submission.key));
  expect(keys.size).toBe(1);
  expect(keys.has(null)).toBe(false);
});

test("a server that is not running is not waited for", async () => {
  await using bench = await setUp();
  await bench.server.close();
  const { err, code } = await bench.trainyard("submit", "model.zip", "job.yaml");
  expect(code).toBe(6);
  expect(err).not.toContain("Trying again");
});

test("submit -f prints the log alone on stdout and ends with the run's outcome", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "epoch 1\n");
  bench.onOut = () => {
    bench.server.appendLog(ID, "", true);
    bench.server.change(ID, { state: "completed", endedAt: "2017-10-26T11:17:51.123Z" });
  };
  const { out, err, code } = await bench.trainyard("submit", "-f", "model.zip", "job.yaml");
  expect({ out, code }).toEqual({ out: "epoch 1\n", code: 0 });
  expect(err).toContain(`Run ${ID} completed after 1 min. Results: bucket 'mnist-training-models', folder '${ID}'.\n`);
});

test.each(["--follow", "--wait"])("submit %s says what the run waits for, and -q leaves it out", async (how) => {
  await using bench = await setUp();
  const waiting = { reason: "It needs 2 CPU slots.", position: 3 };
  for (const quiet of [[], ["-q"]]) {
    bench.server.runs.length = 0;
    bench.server.nextRun = scriptedRun({ id: ID, state: "pending", endedAt: null, waiting });
    bench.server.logs.clear();
    bench.server.appendLog(ID, "epoch 1\n");
    let isFinished = false;
    const finish = (): void => {
      if (isFinished) return;
      isFinished = true;
      bench.server.change(ID, { state: "completed", waiting: null, endedAt: "2017-10-26T11:17:51.123Z" });
      bench.server.appendLog(ID, "", true);
    };
    bench.onErr = (text) => void (text.endsWith("(position 3)\n") && finish());
    bench.onOut = () => void (quiet.length > 0 && finish());
    const { err, code } = await bench.trainyard("submit", how, ...quiet, "model.zip", "job.yaml");
    expect(code).toBe(0);
    expect(err.includes("pending: It needs 2 CPU slots. (position 3)\n")).toBe(quiet.length === 0);
  }
});

test("submit --wait -o json prints the run as it ended", async () => {
  await using bench = await setUp();
  bench.server.nextRun = scriptedRun({ id: ID, state: "canceled" });
  const { out, code } = await bench.trainyard("submit", "--wait", "-o", "json", "model.zip", "job.yaml");
  expect(JSON.parse(out)).toMatchObject({ id: ID, state: "canceled" });
  expect(code).toBe(103);
});

test("submit --wait shows why a run failed, with the last lines of the log that nobody has seen yet", async () => {
  await using bench = await setUp();
  const failure = scriptedFailure({ logTail: ["Traceback:", "ValueError: bad"] });
  bench.server.nextRun = scriptedRun({ id: ID, state: "failed", failure });
  const { err, code } = await bench.trainyard("submit", "--wait", "model.zip", "job.yaml");
  expect(code).toBe(100);
  expect(err).toBe(
    [
      `Submitted run ${ID} (tf-mnist).`,
      "failed",
      `Run ${ID} failed after 2 min: The program ended with exit code 1.`,
      "Last lines of its log:",
      "  | Traceback:",
      "  | ValueError: bad",
      "hint: Read the end of its log.",
      `More: trainyard show ${ID}`,
      "",
    ].join("\n"),
  );
});

test("submit -f does not repeat the log that it has printed, and shows that of another learner", async () => {
  await using bench = await setUp();
  for (const [learner, tail] of [
    [null, ""],
    [2, "Last lines of its log:\n  | bad\n"],
  ] as const) {
    const failure = scriptedFailure({ learner, logTail: ["bad"] });
    bench.server.runs.length = 0;
    bench.server.nextRun = scriptedRun({ id: ID, state: "failed", failure });
    bench.server.appendLog(ID, "bad\n", true);
    const { err } = await bench.trainyard("submit", "-f", "model.zip", "job.yaml");
    expect(err).toContain(`: The program ended with exit code 1.\n${tail}hint: `);
    expect(err).not.toContain("Next:");
  }
});

test("Ctrl-C while waiting leaves the run alone", async () => {
  await using bench = await setUp();
  bench.onOut = () => setImmediate(() => bench.interrupt());
  const { out, err, code } = await bench.trainyard("submit", "--wait", "model.zip", "job.yaml");
  expect({ out, code }).toEqual({ out: `${ID}\n`, code: 130 });
  expect(err).toContain(`Detached; run ${ID} goes on.`);
  expect(bench.server.runs[0]?.stopRequestedAt).toBeNull();
});

test("all problems of manifest and ZIP are told at once, and nothing is sent", async () => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST.replace("name: tf-mnist", "nam: tf-mnist"));
  await bench.write("model.zip", "PK nothing like a ZIP");
  const { err, code } = await bench.trainyard("submit", "model.zip", "job.yaml");
  expect(code).toBe(2);
  expect(err).toMatch(/\n {2}job\.yaml:2:3: .*'nam'/);
  expect(err).toMatch(/\n {2}model\.zip: The model definition cannot be read/);
  expect(bench.server.requests).toEqual([]);
});

test("what the server refuses keeps its places and its exit code", async () => {
  await using bench = await setUp();
  const details = [{ file: "manifest.yml", line: 4, column: 5, message: "No framework 'x'.", hint: "Write y." }];
  const problem = {
    kind: "invalid",
    code: "manifest_invalid",
    detail: "The manifest is wrong.",
    hint: "Mend it.",
  } as const;
  bench.server.faults.push({ type: "t", title: "t", status: 400, ...problem, details });
  const { err, code } = await bench.trainyard("submit", "model.zip", "job.yaml");
  expect(code).toBe(2);
  expect(err).toContain("\n  manifest.yml:4:5: No framework 'x'. Write y.\nhint: Mend it.\n");
});

test("-f and -o json are refused together", async () => {
  await using bench = await setUp();
  expect((await bench.trainyard("submit", "-f", "-o", "json", "model.zip", "job.yaml")).code).toBe(2);
});
