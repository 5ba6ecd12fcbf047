import { readFileSync } from "node:fs";
import { scriptedRun } from "../../client/scripted-run.ts";
import { CliBench } from "../cli-bench.ts";

export const ID = "training-DOl4q2LkR";

/** Output as the pages of 2017 and 2018, or a real session of that time, show it. */
export function golden(name: string): string {
  return readFileSync(new URL(`golden/${name}.txt`, import.meta.url), "utf8");
}

/** A bench whose next submission becomes the page's run. */
export async function startBxBench(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.server.nextRun = scriptedRun({ id: ID, state: "pending", endedAt: null });
  return bench;
}
