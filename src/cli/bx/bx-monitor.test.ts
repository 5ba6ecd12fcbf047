import { expect, test } from "vitest";
import { scriptedFailure, scriptedRun } from "../../client/scripted-run.ts";
import { closePipe } from "../cli-bench.ts";
import { golden, ID, startBxBench } from "./test-golden.ts";

const ENDED = { state: "completed", endedAt: "2017-10-26T11:18:51.123Z" } as const;

async function startRunning() {
  const bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID, state: "pending", endedAt: null }));
  return bench;
}

/** Each step once the output ends in what is given before it. */
function script(
  bench: Awaited<ReturnType<typeof startRunning>>,
  steps: readonly [after: string, step: () => void][],
): void {
  const left = [...steps];
  bench.onOut = (text) => {
    while (left[0] !== undefined && text.endsWith(left[0][0])) left.shift()?.[1]();
  };
}

test.each([
  ["trained-models", [], "monitor-training-runs"],
  ["training-runs", [], "monitor-training-runs"],
  ["training-runs", ["logs"], "monitor-training-runs-logs"],
])("bx ml monitor %s ID %j tells states and log as they come, as its page shows", async (noun, what, file) => {
  await using bench = await startRunning();
  script(bench, [
    ["Status: PENDING\n", () => bench.server.change(ID, { state: "running" })],
    ["Status: PROCESSING\n", () => bench.server.appendLog(ID, "Training with training/test data at:\n  DATA_DIR: ")],
    ["  DATA_DIR: ", () => bench.server.appendLog(ID, "/job/dl-data\nlast line without end")],
    ["without end", () => bench.server.change(ID, { state: "storing" })],
    [
      "Status: STORING\n",
      () => {
        bench.server.appendLog(ID, "", true);
        bench.server.change(ID, ENDED);
      },
    ],
  ]);
  const { out, err, code } = await bench.bx("ml", "monitor", noun, ID, ...what);
  expect({ out, err, code }).toEqual({ out: golden(file), err: "", code: 0 });
});

test.each([
  [
    { state: "failed", failure: scriptedFailure() },
    "FAILED",
    "Run training-DOl4q2LkR failed: The program ended with exit code 1.",
  ],
  [{ state: "canceled" }, "HALTED", "Run training-DOl4q2LkR was canceled."],
] as const)("bx ml monitor ends with 1 when the run did not complete", async (fields, status, sentence) => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID, ...fields }));
  bench.server.appendLog(ID, "no newline at the end", true);
  const { out, err, code } = await bench.bx("ml", "monitor", "training-runs", ID);
  expect(out).toContain(`Status: ${status}\n`);
  expect(out).toMatch(/\n$/);
  expect(err.split("\n").slice(0, 2)).toEqual(["FAILED", sentence]);
  expect(code).toBe(1);
});

test("bx ml monitor logs last N begins with the last lines", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID }));
  bench.server.appendLog(ID, "one\ntwo\nthree\n", true);
  const { out, code } = await bench.bx("ml", "monitor", "training-runs", ID, "logs", "last", "2");
  expect(out).not.toContain("one");
  expect(out).toContain("[--LOGS]      two\n[--LOGS]      three\n");
  expect(code).toBe(0);
  const wrong = await bench.bx("ml", "monitor", "training-runs", ID, "logs", "last", "two");
  expect(wrong.err).toMatch(/^FAILED\n'two' is no number of lines\.\n/);
});

test("a reader that has gone ends the watching without a complaint", async () => {
  await using bench = await startRunning();
  bench.onOut = (text) => text.includes("Status: ") && closePipe();
  expect(await bench.bx("ml", "monitor", "training-runs", ID)).toMatchObject({ code: 0, err: "" });
});

test("a connection that breaks is told once, and no byte is lost or doubled", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID }));
  bench.server.appendLog(ID, "one\ntwo\n", true);
  bench.onOut = (text) => text.endsWith("...\n") && bench.server.faults.push("cut", "cut");
  const { out, err, code } = await bench.bx("ml", "monitor", "training-runs", ID);
  expect(out).toContain("\none\ntwo\n");
  expect(err.match(/Trying again/g)).toHaveLength(1);
  expect(code).toBe(0);
});

test("every byte of the log arrives, however the server cuts it", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const log = Buffer.from([...Buffer.from("é\r50 %\r100 %\n\n"), 0xff, 0x0a]);
  for (const byte of log.subarray(0, -1)) bench.server.appendLog(ID, Buffer.from([byte]));
  bench.server.appendLog(ID, log.subarray(-1), true);
  const { out } = await bench.bx("ml", "monitor", "training-runs", ID);
  expect(out).toContain("é\r50 %\r100 %\n\n\ufffd\n");
});

test("bx ml monitor metrics tells states and the latest values", async () => {
  await using bench = await startBxBench();
  bench.server.runs.push(scriptedRun({ id: ID, ...ENDED }));
  const bounds = { count: 2, min: 0.5, max: 1, best: 0.5, lastAt: "2017-10-26T11:18:51.123Z" };
  bench.server.metrics.push({ key: "train/loss", last: 0.5, lastStep: 200, ...bounds });
  const { out, err, code } = await bench.bx("ml", "monitor", "training-runs", ID, "metrics");
  expect({ out, err, code }).toEqual({ out: golden("monitor-training-runs-metrics"), err: "", code: 0 });
});

test("Ctrl-C leaves the run alone and says how to come back with bx", async () => {
  await using bench = await startRunning();
  bench.onOut = (text) => text.endsWith("PENDING\n") && setImmediate(() => bench.interrupt());
  const { err, code } = await bench.bx("ml", "monitor", "training-runs", ID);
  expect(code).toBe(130);
  expect(err).toBe(
    `Detached; run ${ID} goes on.\nFollow it again: bx ml monitor training-runs ${ID}   Stop it: bx ml cancel training-runs ${ID}\n`,
  );
  expect(bench.server.runs[0]?.stopRequestedAt).toBeNull();
});
