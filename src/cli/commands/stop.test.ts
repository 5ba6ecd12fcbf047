import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-run.ts";
import { CliBench } from "../cli-bench.ts";

const ID = "training-DOl4q2LkR";

test("stop asks for the run's end and says how long it may take", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID, state: "running", endedAt: null }));
  const { out, err, code } = await bench.trainyard("stop", "DOl", "--grace", "5");
  expect({ out, code }).toEqual({ out: `${ID}\n`, code: 0 });
  expect(err).toBe(`Run ${ID} is asked to stop; it has 5 s to end by itself.\n`);
  expect(bench.server.runs[0]?.stopRequestedAt).not.toBeNull();
});

test("stop leaves the time to end to the server when nobody names it", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID, state: "running", endedAt: null }));
  const { out, err } = await bench.trainyard("stop", ID);
  expect({ out, err }).toEqual({ out: `${ID}\n`, err: `Run ${ID} is asked to stop.\n` });
});

test("stop --wait prints the run once it has ended", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID, state: "running", endedAt: null }));
  const stopping = bench.trainyard("stop", ID, "--wait", "-o", "json");
  await expect.poll(() => bench.server.runs[0]?.stopRequestedAt).not.toBeNull();
  bench.server.change(ID, { state: "canceled", endedAt: "2017-10-26T11:17:51.123Z" });
  const { out, code } = await stopping;
  expect(JSON.parse(out)).toMatchObject({ state: "canceled" });
  expect(code).toBe(0);
});

test("a run that has ended cannot be stopped", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const { out, err, code } = await bench.trainyard("stop", ID);
  expect({ out, code }).toEqual({ out: "", code: 5 });
  expect(err).toContain("has already ended");
});
