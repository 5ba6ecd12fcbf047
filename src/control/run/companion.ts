import type { Run } from "../../domain/run.ts";
import { messageOf } from "./failures.ts";
import type { ServiceLog } from "./service-log.ts";

/**
 * Something that goes on beside a run's program and is no part of its fate: a look at the clock, a copy of its
 * checkpoints, a reader of its metrics. What goes wrong with it is logged, or becomes a warning of the run.
 */
export interface Companion {
  readonly name: string;
  /**
   * Called when the program has started, and again by a server that takes the run over. Resolves soon after `over` is
   * aborted, which is when the program has ended or this process lets go of the run.
   */
  accompany(run: Run, over: AbortSignal): Promise<void>;
  /**
   * Called in `storing`, before the results are kept, so that what it writes into the run directory goes with them.
   * Must do by itself what a server that died has left undone, and may be repeated. Gives warnings for the run.
   */
  conclude?(run: Run, signal: AbortSignal): Promise<readonly string[]>;
}

/** Starts all of them; resolves when each has come to its end. Never rejects. */
export async function accompany(
  companions: readonly Companion[],
  run: Run,
  over: AbortSignal,
  log: ServiceLog,
): Promise<void> {
  const walks = companions.map(async (companion) => {
    try {
      await companion.accompany(run, over);
    } catch (error) {
      if (over.aborted) return;
      log.error({ runId: run.id, companion: companion.name, error: messageOf(error) }, "a companion fell behind");
    }
  });
  await Promise.all(walks);
}

/** Lets each of them finish, one after the other. Their warnings; a failure is one of them. Rejects only on abort. */
export async function conclude(
  companions: readonly Companion[],
  run: Run,
  signal: AbortSignal,
  log: ServiceLog,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const companion of companions) {
    try {
      warnings.push(...((await companion.conclude?.(run, signal)) ?? []));
    } catch (error) {
      signal.throwIfAborted();
      log.error({ runId: run.id, companion: companion.name, error: messageOf(error) }, "a companion did not finish");
      warnings.push(`The ${companion.name} of the run are incomplete: ${messageOf(error)}`);
    }
  }
  return warnings;
}
