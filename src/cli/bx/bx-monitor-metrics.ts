import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import type { MetricView } from "../../contract/metrics.ts";
import type { RunStateName, RunView } from "../../contract/run.ts";
import { hasEnded } from "../../contract/run-states.ts";
import type { Output } from "../io.ts";
import { printable } from "../output/printable.ts";

/** How often the service is asked; the one of 2018 sent metrics about as often. */
const LOOK_MS = 1000;

/**
 * States as they change, and each metric's latest value when it has one: what stands before the lines of metrics is
 * shown on no page of that time, so it is made like that of the log.
 */
export async function followMetrics(
  client: Client,
  id: string,
  how: {
    readonly stdout: Output;
    readonly sayState: (state: RunStateName) => Promise<void>;
    readonly signal: AbortSignal;
  },
): Promise<RunView> {
  const counts = new Map<string, number>();
  for (;;) {
    // Asked before the metrics: those of a run that had ended by then are all there.
    const run = await client.call("getRun", { params: { id }, signal: how.signal });
    const { metrics } = await client.call("listMetrics", { params: { id }, signal: how.signal });
    const news = metrics.filter(({ key, count }) => counts.get(key) !== count);
    for (const { key, count } of news) counts.set(key, count);
    if (news.length > 0) await how.stdout.write(news.map(lineOf).join(""));
    await how.sayState(run.state);
    if (hasEnded(run)) return run;
    await pause(LOOK_MS, undefined, { signal: how.signal });
  }
}

function lineOf({ key, last, lastStep }: MetricView): string {
  return `[--METRICS]   ${printable(key)}: ${last} (step ${lastStep})\n`;
}
