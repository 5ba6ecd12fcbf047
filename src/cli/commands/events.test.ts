import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-run.ts";
import { CliBench } from "../cli-bench.ts";

const ID = "training-DOl4q2LkR";

test("events tells a run's story in order", async () => {
  await using bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID }));
  bench.server.events.set(ID, [
    { sequence: 1, at: "2017-10-26T11:16:51.123Z", type: "submitted", message: "Submitted by admin." },
    { sequence: 2, at: "2017-10-26T11:16:52.000Z", type: "state", message: "pending -> downloading" },
  ]);
  const { out } = await bench.trainyard("events", ID);
  expect(out).toBe(
    [
      "TIME                       EVENT       WHAT HAPPENED",
      "2017-10-26T11:16:51.123Z   submitted   Submitted by admin.",
      "2017-10-26T11:16:52.000Z   state       pending -> downloading",
      "",
    ].join("\n"),
  );
});
