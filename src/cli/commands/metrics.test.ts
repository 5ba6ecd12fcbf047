import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-run.ts";
import type { MetricView } from "../../contract/metrics.ts";
import { CliBench } from "../cli-bench.ts";
import { sparkline } from "../output/sparkline.ts";

const ID = "training-DOl4q2LkR";
const LOSS: MetricView = {
  key: 'loss, "test"',
  count: 3,
  last: "NaN",
  lastStep: 200,
  lastAt: "2017-10-26T11:18:51.123Z",
  min: 0.123456789,
  max: 1,
  best: 0.123456789,
};

async function bench() {
  const started = await CliBench.start();
  started.server.runs.push(scriptedRun({ id: ID }));
  started.server.metrics.push(LOSS);
  return started;
}

test("metrics are a table with a curve of each", async () => {
  await using here = await bench();
  here.server.chart = {
    grid: { axis: "step", width: 64, first: 0, count: 4 },
    series: [
      {
        run: ID,
        key: LOSS.key,
        bucket: [0, 1, 3],
        min: [0, 0, 0],
        max: [1, 1, 1],
        mean: [0, 0.5, 1],
        last: [0, 0.5, 1],
        count: [1, 1, 1],
      },
    ],
    truncated: false,
  };
  const { out, code } = await here.trainyard("metrics", ID);
  expect(code).toBe(0);
  expect(out).toBe(
    'METRIC         LAST   MIN        MAX   BEST       STEP   CURVE\nloss, "test"   NaN    0.123457   1     0.123457   200    ▁▅ █\n',
  );
});

test("a whole number is shown whole, and watching outlasts a server that restarts", async () => {
  await using here = await bench();
  here.server.metrics.push({ ...LOSS, key: "system/memory_bytes", last: 11_116_500 });
  here.server.faults.push("cut");
  const { out, err, code } = await here.trainyard("metrics", "--watch", ID);
  expect([code, out]).toEqual([0, expect.stringContaining("11116500")]);
  expect(err).toContain("Trying again");
});

test("metrics as CSV quote what needs it and keep every digit", async () => {
  await using here = await bench();
  const { out } = await here.trainyard("metrics", ID, "-o", "csv");
  expect(out).toBe(
    'key,last,min,max,best,step,time,count\n"loss, ""test""",NaN,0.123456789,1,0.123456789,200,2017-10-26T11:18:51.123Z,3\n',
  );
});

test("a metric that an ended run does not have is wrong use, with the one that may be meant", async () => {
  await using here = await bench();
  const { err, code } = await here.trainyard("metrics", ID, "los");
  expect([code, err]).toEqual([2, expect.stringContaining("has no metric 'los'")]);
});

test("a preview finds by itself, or by a pattern, and needs no server", async () => {
  await using here = await CliBench.start();
  await writeFile(join(here.folder, "old.log"), "step 1 loss=0.5\nnothing\nstep 2 loss=0.25\n");
  const found = "METRIC   POINTS   FIRST   LAST   LAST STEP\nloss     2        0.5     0.25   2\n";
  expect((await here.trainyard("metrics", "preview", "old.log")).out).toBe(found);
  const pattern = ["--pattern", "step (?P<step>%{INT}) loss=%{FLOAT:loss}"];
  expect((await here.trainyard("metrics", "preview", "old.log", ...pattern)).out).toBe(found);
  const missing = await here.trainyard("metrics", "preview", "none.log");
  expect([missing.code, missing.err]).toEqual([2, expect.stringContaining("none.log")]);
  const nothing = await here.trainyard("metrics", "preview", "old.log", "--pattern", "((");
  expect([nothing.code, nothing.out, nothing.err]).toEqual([
    2,
    "",
    "error: The pattern '((' cannot be used: Unterminated group.\nhint: Write it as Python's re has them.\n",
  ]);
});

test("a sparkline is as wide as its values, flat ones in the middle, with gaps where there are none", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([2, 2, null, 2])).toBe("▄▄ ▄");
  expect(sparkline([null, null])).toBe("");
});
