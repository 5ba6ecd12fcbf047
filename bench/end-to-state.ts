import { setTimeout as delay } from "node:timers/promises";
import type { Benchmark } from "./harness.ts";
import { atMost } from "./report.ts";
import { makeTemporaryFolder, makeZip, shellManifest, startService } from "./service.ts";
import { StartWitness } from "./start-witness.ts";
import { quantile } from "./statistics.ts";

const RUNS = { usual: 100, full: 1000 };
const WARM_UPS = 3;
/** For what the server does after it has told the end; the next measurement must find it idle. */
const REST_MS = 25;

/**
 * R11: how long after its program has ended a caller who waits sees the run's terminal state. The time is that of the program's last
 * act, so the end of two shells, its record, and storing the log in a bucket of this machine are within.
 */
export const endToState: Benchmark = {
  name: "end-to-state",
  goal: "R11: program's end -> terminal state seen by a caller who waits, idle service, no results",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("end");
    await using service = await startService(`${folder.path}/home`);
    const witness = new StartWitness(`${folder.path}/witness`);
    const zip = await makeZip({ "train.sh": "true\n" });
    const samples: number[] = [];
    for (let run = -WARM_UPS; run < (full ? RUNS.full : RUNS.usual); run += 1) {
      // What the witness has it do is all that the program does.
      const act = await witness.next();
      // Time for the caller to wait before the end comes.
      const { id } = await service.submit(zip, shellManifest(`sleep 0.1; ${act.command}`));
      const { state } = await service.waitForEnd(id);
      const seenMs = Date.now();
      if (state !== "completed") throw new Error(`Run ${id} ended as ${state}.`);
      if (run >= 0) samples.push(seenMs - (await act.startedAt()));
      await delay(REST_MS);
    }
    report.samples("end to state", "ms", samples);
    report.figure("end to state, p99", " ms", quantile(samples, 0.99), atMost(100));
  },
};
