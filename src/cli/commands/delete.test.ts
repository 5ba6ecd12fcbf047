import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-run.ts";
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

test("while a deletion can be taken back the command says for how long and how, and undelete does it", async () => {
  await using bench = await CliBench.start();
  bench.server.undoUntil = "2099-01-01T00:00:00.000Z";
  bench.server.runs.push(scriptedRun({ id: "training-aaaaaaaa1" }), scriptedRun({ id: "training-bbbbbbbb2" }));
  const { out, err } = await bench.trainyard("delete", "a");
  expect(out).toBe("training-aaaaaaaa1\n");
  expect(err).toMatch(/For \d+ d this takes it back: trainyard .*undelete training-aaaaaaaa1\n/);
  expect((await bench.trainyard("list", "-o", "name")).out).toBe("training-bbbbbbbb2\n");
  expect((await bench.trainyard("list", "--deleted", "-o", "name")).out).toBe("training-aaaaaaaa1\n");
  expect((await bench.trainyard("show", "training-aaaaaaaa1")).out).toMatch(
    /^Deleted .*; until 2099-01-01T00:00:00.000Z it can be taken back: trainyard .*undelete training-aaaaaaaa1$/m,
  );
  const live = await bench.trainyard("undelete", "b");
  expect(live).toMatchObject({ code: 5, out: "" });
  expect(live.err).toContain("error: Run 'training-bbbbbbbb2' is not deleted.");
  expect((await bench.trainyard("undelete", "x")).err).toContain("trainyard list --deleted");
  for (const command of ["show", "logs"]) {
    const { err: told, code } = await bench.trainyard(command, "a");
    expect(code).toBe(3);
    expect(told).toContain("Run 'training-aaaaaaaa1' is deleted.");
    expect(told).toContain("trainyard undelete training-aaaaaaaa1");
  }
  expect(await bench.trainyard("undelete", "@")).toMatchObject({ code: 0, out: "training-aaaaaaaa1\n" });
  expect((await bench.trainyard("list", "--deleted")).err).toBe("No deleted runs.\n");
});

test("undelete @ takes back what was deleted last, and the list says when and until when", async () => {
  await using bench = await CliBench.start();
  const undoUntil = "2099-01-01T00:00:00.000Z";
  bench.server.runs.push(
    scriptedRun({ id: "training-aaaaaaaa1", deletedAt: "2026-11-26T02:00:00.000Z", undoUntil }),
    scriptedRun({ id: "training-bbbbbbbb2", deletedAt: "2026-11-26T01:00:00.000Z", undoUntil }),
    scriptedRun({ id: "training-cccccccc3", deletedAt: "2026-11-26T03:00:00.000Z", undoUntil }),
  );
  const { out } = await bench.trainyard("list", "--deleted");
  expect(out).toMatch(/DELETED +UNDELETE UNTIL/);
  expect(out).toContain(undoUntil);
  expect((await bench.trainyard("undelete", "@")).out).toBe("training-cccccccc3\n");
  expect((await bench.trainyard("undelete", "@")).out).toBe("training-aaaaaaaa1\n");
  await bench.trainyard("undelete", "@");
  expect((await bench.trainyard("undelete", "@")).err).toContain("There is no deleted run");
});

test("delete says where the only copy of results is, for how long, and what stores them first", async () => {
  await using bench = await CliBench.start();
  bench.server.undoUntil = "2099-01-01T00:00:00.000Z";
  const run = scriptedRun({ id: "training-aaaaaaaa1", state: "failed" });
  const localCopy = "/srv/trainyard/runs/training-aaaaaaaa1/results";
  bench.server.runs.push({ ...run, results: { ...run.results, storedAt: null, localCopy } });
  const { err } = await bench.trainyard("delete", "a");
  expect(err).toContain(`the only copy, in ${localCopy}, goes with the run after that time.`);
  expect(err).toMatch(/This stores them first: trainyard .*results retry training-aaaaaaaa1/);
});

test("delete --now is for good", async () => {
  await using bench = await CliBench.start();
  bench.server.undoUntil = "2099-01-01T00:00:00.000Z";
  bench.server.runs.push(scriptedRun({ id: "training-aaaaaaaa1" }));
  const { err } = await bench.trainyard("delete", "--now", "@");
  expect(err).toBe("Deleted the history of run training-aaaaaaaa1; its results bucket is as it was.\n");
  expect(bench.server.runs).toEqual([]);
});
