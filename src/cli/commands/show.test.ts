import { expect, test } from "vitest";
import { scriptedFailure, scriptedRun } from "../../client/scripted-run.ts";
import { CliBench } from "../cli-bench.ts";

const ID = "training-DOl4q2LkR";

test("show tells a failed run's cause, exit code, last log lines and what to do", async () => {
  await using bench = await CliBench.start();
  const failure = scriptedFailure({ logTail: ["Traceback:", "\tValueError: \u001b[31mbad"] });
  bench.server.runs.push(scriptedRun({ id: ID, state: "failed", failure }));
  const { out, code } = await bench.trainyard("show", ID);
  expect(code).toBe(0);
  expect(out).toContain("State       failed\n");
  expect(out).toContain("Submitted   2017-10-26T11:16:51.123Z (1 h ago)\n");
  expect(out).toMatch(
    /\nFailed: The program ended with exit code 1\.\nCause: program_exit \(exit code 1, while running\)\nHint: .*\nLast lines of its log:\n {2}\| Traceback:\n {2}\| {5}ValueError: \\u001b\[31mbad\nAll of it: trainyard logs training-DOl4q2LkR\n$/,
  );
});

test("show leads to the log of the learner that failed", async () => {
  await using bench = await CliBench.start();
  const failure = scriptedFailure({ learner: 2, logTail: ["bad"] });
  bench.server.runs.push(scriptedRun({ id: ID, state: "failed", failure }));
  bench.env["TRAINYARD_HOME"] = undefined;
  const { out } = await bench.trainyard("show", ID, "--home", "home");
  expect(out).toContain(`  | bad\nAll of it: trainyard --home home logs ${ID} --learner 2\n`);
});

test("show tells a few latest values of the metrics", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const bounds = { count: 1, min: 1, max: 1, best: 1, lastStep: 0, lastAt: "2017-10-26T11:18:51.123Z" };
  for (const key of ["loss", "a", "b", "c", "d", "e", "f", "system/cpu"])
    bench.server.metrics.push({ key, last: 1, ...bounds });
  const { out } = await bench.trainyard("show", ID);
  expect(out).toMatch(/^Metrics +loss 1, a 1, b 1, c 1, d 1, 2 more$/m);
});

test("show tells why a run waits", async () => {
  await using bench = await CliBench.start();
  const waiting = { reason: "All 4 devices are taken.", position: 2 };
  bench.server.runs.push(scriptedRun({ id: ID, state: "pending", waiting, endedAt: null }));
  const { out } = await bench.trainyard("show", ID);
  expect(out).toContain("Waits for   All 4 devices are taken. (position 2)\n");
});

test("show tells what a manifest asked for beyond framework and devices, and nothing where it did not", async () => {
  await using bench = await CliBench.start();
  const run = scriptedRun({ id: ID });
  const framework = { ...run.framework, python: "3.5", requirements: "reqs/train.txt" };
  const wishes = {
    learners: 2,
    cpus: 2.5,
    memoryBytes: 4_000_000_000,
    deviceType: "v100",
    checkpoints: "bucket",
  } as const;
  bench.server.runs.push({ ...run, ...wishes, framework });
  const { out } = await bench.trainyard("show", ID);
  expect(out).toMatch(/^Python +3\.5\nRequirements +reqs\/train\.txt\n/m);
  expect(out).toMatch(/^Devices +1 x CPU slot for each of 2 learners\n/m);
  expect(out).toMatch(/^Device type +v100\nCPUs +2\.5\nMemory +4\.0 GB\n/m);
  expect(out).toMatch(/^Checkpoints +shared with the runs of its results bucket/m);
  bench.server.runs[0] = run;
  expect((await bench.trainyard("show", ID)).out).not.toMatch(
    /^(Python|Requirements|Device type|CPUs|Memory|Checkpoints)/m,
  );
});

test("show -o json is the run as the server gives it", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID }));
  const { out } = await bench.trainyard("show", ID, "-o", "json");
  expect(JSON.parse(out)).toEqual(bench.server.runs[0]);
});

test("show tells what keeps a run from going on, since when, and what ends the wait for its results bucket", async () => {
  await using bench = await CliBench.start();
  const delayed = { reason: "The bucket does not answer.", since: "2017-10-26T11:16:51.123Z" };
  bench.server.runs.push(scriptedRun({ id: ID, state: "storing", endedAt: null, delayed }));
  expect((await bench.trainyard("show", ID)).out).toMatch(
    /^Delayed by +The bucket does not answer\. \(for 1 h; this ends the wait: trainyard .*stop training-DOl4q2LkR\)$/m,
  );
  expect((await bench.trainyard("list")).out).toContain("The bucket does not answer.");
});

test("show tells when results were stored", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID }));
  expect((await bench.trainyard("show", ID)).out).toMatch(
    /^Results .*\(7 objects, .*, stored 2017-10-26T11:18:51.000Z\)$/m,
  );
});
