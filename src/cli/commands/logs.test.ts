import { expect, test } from "vitest";
import { scriptedFailure, scriptedRun } from "../../client/scripted-run.ts";
import { CliBench, closePipe } from "../cli-bench.ts";

const ID = "training-DOl4q2LkR";

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID, state: "running", endedAt: null }));
  return bench;
}

test("logs prints what there is and does not wait", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "one\ntwo");
  expect(await bench.trainyard("logs", ID)).toEqual({ code: 0, out: "one\ntwo", err: "" });
});

test.each([
  ["0", ""],
  ["1", "three\n"],
  ["2", "two\nthree\n"],
  ["3", "one\ntwo\nthree\n"],
  ["9", "one\ntwo\nthree\n"],
])("logs --tail %s begins with that many last lines", async (lines, expected) => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "one\ntwo\nthree\n");
  const { out } = await bench.trainyard("logs", ID, "--tail", lines);
  expect(out).toBe(expected);
});

test("logs --grep prints the lines that match, as a progress bar has left them", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "epoch 1 loss 0.9\n50 %\repoch 2 loss 0.5\nother\nepoch 3", true);
  const { out, code } = await bench.trainyard("logs", "-f", ID, "--grep", "^epoch [23]");
  expect([out, code]).toEqual(["epoch 2 loss 0.5\nepoch 3\n", 0]);
  expect((await bench.trainyard("logs", ID, "--grep", "(")).code).toBe(2);
});

test("logs --grep --tail prints the last lines of those that match, and follows from there", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "loss 1\nloss 2\nother\nother\nloss 3\nother\nlos");
  const words = ["logs", ID, "--grep", "loss", "--tail"];
  expect((await bench.trainyard(...words, "2")).out).toBe("loss 2\nloss 3\n");
  expect((await bench.trainyard(...words, "9")).out).toBe("loss 1\nloss 2\nloss 3\n");
  expect((await bench.trainyard(...words, "0")).out).toBe("");
  bench.onOut = (text) => {
    if (text.endsWith("loss 3\n")) bench.server.appendLog(ID, "s 4\nother\nloss 5\n", true);
  };
  expect((await bench.trainyard(...words, "1", "-f")).out).toBe("loss 3\nloss 4\nloss 5\n");
});

test("logs --since wants a time or how long ago, and no number alone", async () => {
  await using bench = await setUp();
  const { code, err } = await bench.trainyard("logs", ID, "--since", "5");
  expect([code, err]).toEqual([2, "error: '5' has no unit.\nhint: Say of what: 5s, 5m or 5h.\n"]);
  expect((await bench.trainyard("logs", ID, "--since", "-5")).code).toBe(2);
  expect((await bench.trainyard("logs", ID, "--since", "May 5")).code).toBe(2);
});

test("the tail is found in a log longer than one block", async () => {
  await using bench = await setUp();
  const long = "x".repeat(100_000);
  bench.server.appendLog(ID, `first\n${long}\nlast`);
  const { out } = await bench.trainyard("logs", ID, "--tail", "2");
  expect(out).toBe(`${long}\nlast`);
});

test("logs -f --exit-status waits for the run's end and ends with its outcome", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "working\n");
  bench.onOut = (text) => {
    if (!text.endsWith("working\n")) return;
    bench.server.appendLog(ID, "done", true);
    const failure = scriptedFailure({ logTail: ["working", "done"] });
    bench.server.change(ID, { state: "failed", endedAt: "2017-10-26T11:20:51.123Z", failure });
  };
  const { out, err, code } = await bench.trainyard("logs", "-f", "--exit-status", ID);
  expect(out).toBe("working\ndone");
  expect(code).toBe(100);
  expect(err).toContain(`Run ${ID} failed after 4 min: The program ended with exit code 1.\nhint: `);
});

test("logs -f says what a run waits for before it has a log, and that it runs then", async () => {
  await using bench = await setUp();
  const waiting = { reason: "It needs 2 CPU slots and 1 is free.", position: 1 };
  bench.server.change(ID, { state: "pending", waiting });
  bench.onErr = (text) => {
    if (text.endsWith("(position 1)\n")) bench.server.change(ID, { state: "downloading", waiting: null });
    if (text.endsWith("built.\n")) bench.server.change(ID, { state: "running" });
    if (text.endsWith("running\n")) bench.server.appendLog(ID, "epoch 1\n", true);
  };
  expect(await bench.trainyard("logs", "-f", ID)).toEqual({
    code: 0,
    out: "epoch 1\n",
    err:
      "pending: It needs 2 CPU slots and 1 is free. (position 1)\n" +
      "downloading: The code, the environment and the data are being put in place; an environment may have to be built.\n" +
      "running\n",
  });
});

test("logs -f says what keeps a run from storing its results", async () => {
  await using bench = await setUp();
  const delayed = { reason: "The bucket does not answer.", since: "2017-10-26T11:16:51.123Z" };
  bench.server.change(ID, { state: "storing", delayed });
  bench.onErr = (text) => {
    if (!text.endsWith("storing: The bucket does not answer.\n")) return;
    bench.server.change(ID, { state: "failed", delayed: null, endedAt: "2017-10-26T11:20:51.123Z" });
    bench.server.appendLog(ID, "", true);
  };
  const { code } = await bench.trainyard("logs", "-f", ID);
  expect(code).toBe(0);
});

test("logs without -f says at once that the server cannot be reached", async () => {
  await using bench = await setUp();
  await bench.server.close();
  const { err, code } = await bench.trainyard("logs", ID);
  expect(code).toBe(6);
  expect(err).toBe((await bench.trainyard("list")).err);
});

test("logs --exit-status without -f says that a run has not ended", async () => {
  await using bench = await setUp();
  expect((await bench.trainyard("logs", ID, "--exit-status")).code).toBe(101);
});

test("Ctrl-C detaches, says that the run goes on and how to come back", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "working\n");
  bench.onOut = () => bench.interrupt();
  const { out, err, code } = await bench.trainyard("logs", "-f", ID);
  expect(code).toBe(130);
  expect(out).toBe("working\n");
  expect(err).toBe(
    `Detached; run ${ID} goes on.\nhint: Follow it again: trainyard logs -f ${ID}   Stop it: trainyard stop ${ID}\n`,
  );
  expect(bench.server.runs[0]?.stopRequestedAt).toBeNull();
});

test("a reader that has gone ends the command without a word", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "much\n");
  bench.onOut = closePipe;
  expect(await bench.trainyard("logs", "-f", ID)).toMatchObject({ code: 0, err: "" });
});

test("a connection that breaks is announced and costs no byte", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "0123456789", true);
  bench.server.faults.push("cut-body");
  const { out, err, code } = await bench.trainyard("logs", "-f", ID);
  expect({ out, code }).toEqual({ out: "0123456789", code: 0 });
  expect(err).toMatch(/^The server at .* cannot be reached \(the connection broke\)\. Trying again in \d\.\d s\.\n$/);
});

test("a server that came back on another port is found through its home", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "before ");
  const comeBack = async (): Promise<void> => {
    await bench.server.move();
    await bench.leaveServerRecord(bench.server.url);
    bench.server.appendLog(ID, "after", true);
  };
  let moved: Promise<void> | undefined;
  bench.onOut = () => (moved ??= comeBack());
  const { out, code } = await bench.trainyard("logs", "-f", ID);
  await moved;
  expect({ out, code }).toEqual({ out: "before after", code: 0 });
});
