import type { Clock } from "../../base/clock.ts";
import type { DataStores } from "../../datastores/data-stores.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import type { DataStaging } from "../../staging/data-staging.ts";
import type { Store } from "../../store/store.ts";
import { messageOf } from "../run/failures.ts";
import type { Scheduler } from "../queue/scheduler.ts";
import type { ServiceLog } from "../run/service-log.ts";
import { useData } from "./stage-data.ts";

/** How often the queue is looked at. */
const LOOK_EVERY_MS = 1000;

/** How many of the runs that wait are fetched for. */
const RUNS_AHEAD = 8;

/** Of the cache, how much may be data of runs that still wait: what was used yesterday is wanted again too. */
const SHARE_AHEAD = 0.5;

export interface PrefetcherParts {
  readonly clock: Clock;
  readonly store: Pick<Store, "findRun">;
  readonly dataStores: DataStores;
  readonly scheduler: Pick<Scheduler, "next">;
  readonly staging: DataStaging;
  readonly log: ServiceLog;
  openCredentials(runId: string): Promise<Credentials>;
}

/**
 * Brings the data of the runs that wait into the cache while others hold the devices, each with its own credentials,
 * in the order of the queue. Steps back as soon as a run is staged whose program could start. What goes wrong is the
 * run's own to meet, when its turn comes; here it is only logged. Ends with the signal.
 */
export async function keepFetchingAhead(parts: PrefetcherParts, signal: AbortSignal): Promise<void> {
  /** Bytes by the run they were fetched for; none for one that cannot be fetched for. */
  const fetched = new Map<string, number>();
  for (;;) {
    await parts.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    const waiting = new Set(parts.scheduler.next(RUNS_AHEAD).map(({ id }) => id));
    for (const id of fetched.keys()) if (!waiting.has(id)) fetched.delete(id);
    if (parts.staging.isStaging) continue;
    const next = [...waiting].find((id) => !fetched.has(id));
    if (next === undefined) continue;
    const taken = fetched.values().reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    const leftBytes = parts.staging.figures().maxBytes * SHARE_AHEAD - taken;
    if (leftBytes <= 0) continue;
    const sizeBytes = await fetchFor(parts, next, leftBytes, signal);
    // Undefined: somebody's program could start; the run is tried again when it has its data.
    if (sizeBytes !== undefined) fetched.set(next, sizeBytes);
  }
}

async function fetchFor(
  parts: PrefetcherParts,
  runId: string,
  limitBytes: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const run = await parts.store.findRun(runId);
    if (run === undefined || run.spec.data === null) return 0;
    const credentials = await parts.openCredentials(runId);
    return await useData(parts, run, credentials, async (wanted) =>
      parts.staging.fetchAhead(wanted, limitBytes, signal),
    );
  } catch (error) {
    if (!signal.aborted) parts.log.info({ runId, error: messageOf(error) }, "data was not fetched ahead");
    return 0;
  }
}
