import { backoffDelayMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import type { Run } from "../../domain/run.ts";
import type { Store } from "../../store/store.ts";
import { messageOf } from "../run/failures.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Scheduler } from "../queue/scheduler.ts";
import type { ServiceLog } from "../run/service-log.ts";
import type { Trash } from "../removal/trash.ts";

export interface RescuerParts {
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly lifecycle: Lifecycle;
  readonly trash: Pick<Trash, "recover">;
  readonly log: ServiceLog;
  /** Puts a run that waits into the queue, or aside until its next attempt may start. */
  queue(run: Run): void;
}

/**
 * Takes over what a server before this one left: live runs keep their devices and are carried on from their state,
 * waiting runs queue up again in their order. Called once, before the first new submission.
 */
export async function resume(parts: RescuerParts): Promise<void> {
  await parts.trash.recover();
  const runs = await parts.store.listUnendedRuns();
  for (const run of runs) {
    if (run.state === "pending") parts.queue(run);
    else parts.scheduler.hold(run.id, run.devices);
  }
  const live = runs.filter((run) => run.state !== "pending");
  for (const run of live) parts.lifecycle.carry(run);
  if (live.length > 0) parts.log.info({ runs: live.length }, "took over runs of the server before this one");
  parts.scheduler.schedule();
}

const LOOKS = { attempts: Infinity, firstDelayMs: 200, maxDelayMs: 5_000 };

/**
 * Lets a run queue up whose submission was answered with an error and may be on disk all the same: nobody else would
 * before the next start of a server. Looks until the store tells whether it is there.
 */
export async function adopt(parts: AdoptionParts, id: string, signal: AbortSignal): Promise<void> {
  const { store, clock, log } = parts;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      const run = await store.findRun(id);
      if (run?.state === "pending") parts.queue(run);
      return parts.scheduler.schedule();
    } catch (error) {
      log.error({ runId: id, error: messageOf(error) }, "it cannot be told whether a run was submitted; looking again");
      // An aborted sleep ends the loop; the next server finds the run.
      await clock.sleep(backoffDelayMs(LOOKS, attempt), signal).catch(() => undefined);
    }
  }
}

export type AdoptionParts = Omit<RescuerParts, "lifecycle" | "trash"> & { readonly clock: Clock };
