import type { Clock } from "../../base/clock.ts";
import { ServiceError } from "../../domain/errors.ts";
import type { Run } from "../../domain/run.ts";
import { messageOf } from "../run/failures.ts";
import type { RunBook } from "../run/run-book.ts";
import type { Grant } from "./scheduler.ts";
import type { ServiceLog } from "../run/service-log.ts";

const RETRY_MS = 1000;

export interface DispatcherParts {
  readonly book: RunBook;
  readonly clock: Clock;
  readonly log: ServiceLog;
  /** Takes the run on from here; it holds its devices. */
  carry(run: Run): void;
  /** Gives the devices back to the scheduler. */
  release(id: string): void;
}

/** Makes a grant durable and hands the run on. A run that was stopped or removed meanwhile gives its devices back. */
export async function dispatch(parts: DispatcherParts, grant: Grant, signal: AbortSignal): Promise<void> {
  const { id } = grant;
  while (!signal.aborted) {
    try {
      const granted = await write(parts, grant);
      if (granted === null) parts.release(id);
      else parts.carry(granted);
      return;
    } catch (error) {
      parts.log.error({ runId: id, error: messageOf(error) }, "a grant could not be written; trying again");
      // An aborted sleep ends the loop; the next server grants anew.
      await parts.clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}

/** Null when the run waits no longer. A write that was done though its answer was an error is found to be there. */
async function write({ book }: DispatcherParts, { id, devices }: Grant): Promise<Run | null> {
  try {
    return await book.advance(id, "downloading", { devices }, `Devices granted: ${devices.join(", ")}.`);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.code === "run_not_found") return null;
    if (error.code !== "illegal_transition") throw error;
    const run = await book.get(id);
    return run.devices.length > 0 ? run : null;
  }
}
