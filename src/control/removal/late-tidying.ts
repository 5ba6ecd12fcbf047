import type { Clock } from "../../base/clock.ts";
import type { Run } from "../../domain/run.ts";
import { isTerminal } from "../../domain/run-state.ts";
import type { Store } from "../../store/store.ts";
import type { RunRemains } from "../run/remains.ts";
import { messageOf } from "../run/failures.ts";
import type { ServiceLog } from "../run/service-log.ts";

export interface LateTidyingParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly remains: Pick<RunRemains, "tidyUp" | "listUntidied">;
}

/**
 * Frees the disk of what runs still keep whose server died between their end and tidying up. Runs that end from now on
 * are the business of their own last step.
 */
export async function tidyUpLate(parts: LateTidyingParts, signal: AbortSignal): Promise<void> {
  const { store, clock, log, remains } = parts;
  const startedAt = clock.now();
  for await (const id of remains.listUntidied?.() ?? []) {
    if (signal.aborted) return;
    try {
      const run = await store.findRun(id);
      if (run === undefined || !isTerminal(run.state) || run.endedAt === null || run.endedAt >= startedAt) continue;
      await tidyUpAgain(remains, run);
    } catch (error) {
      log.error({ runId: id, error: messageOf(error) }, "a run's folders could not be tidied up");
    }
  }
}

/**
 * Of an ended run whose server died over tidying up. One with warnings may have files that are nowhere else, as its warnings say;
 * of such a one only data and scratch go.
 */
export async function tidyUpAgain(remains: Pick<RunRemains, "tidyUp">, run: Run): Promise<void> {
  const mayHaveOnlyCopies = run.results === null || run.warnings.length > 0;
  await remains.tidyUp(run, !mayHaveOnlyCopies, mayHaveOnlyCopies);
}
