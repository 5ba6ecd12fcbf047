import { runNotEnded, runNotFound } from "../../domain/errors.ts";
import { isTerminal } from "../../domain/run-state.ts";
import type { Run } from "../../domain/run.ts";
import type { Store } from "../../store/store.ts";
import type { ResultsRetries } from "../results/results-retry.ts";
import type { Definitions } from "./definitions.ts";
import { withDeletion, withRestoration } from "./deletion.ts";
import { onlyCopyOfResults } from "../../domain/results-errors.ts";
import { runDirectory } from "../run/run-directory.ts";
import { undoUntil } from "./retention-decision.ts";
import { planRetention, type PlanParts, type RetentionPlan } from "./retention-plan.ts";
import type { RunBook } from "../run/run-book.ts";
import type { Trash } from "./trash.ts";

export interface RunRemovalParts {
  readonly home: string;
  readonly store: Store;
  readonly book: RunBook;
  readonly definitions: Pick<Definitions, "removeUnused">;
  readonly trash: Pick<Trash, "remove">;
  readonly retries: Pick<ResultsRetries, "without">;
  /** What becomes of ended and deleted runs. */
  readonly retention: Pick<PlanParts, "rules" | "time" | "holdsOnlyCopy">;
}

export interface RemovalWish {
  /** For good, without a time in which it can be taken back. */
  readonly atOnce?: boolean;
  /** Also when no bucket has its results. */
  readonly discardResults?: boolean;
}

/** How runs that have ended go: by a wish that can be taken back, and for good. */
export class RunRemoval {
  readonly #parts: RunRemovalParts;

  constructor(parts: RunRemovalParts) {
    this.#parts = parts;
  }

  /**
   * Deletes the service's history and run directory of an ended run; its bucket is left alone. Gives the run while it can
   * be taken back with `restore`, and null when it is gone: `atOnce`, or where the server leaves no time for that. The only
   * copy of results goes so only where that is said.
   */
  async remove(id: string, principal: { readonly account: string }, how: RemovalWish = {}): Promise<Run | null> {
    const { book, home, retention } = this.#parts;
    const found = await book.get(id);
    if (!isTerminal(found.state)) throw runNotEnded(id, found.state);
    if (how.atOnce === true || retention.rules.undoMs === 0) {
      const mustAsk = how.discardResults !== true && (await retention.holdsOnlyCopy(found));
      if (mustAsk) throw onlyCopyOfResults(id, runDirectory(home, id).results);
      await this.forget(found);
      return null;
    }
    if (found.deletedAt !== null) return found;
    return book.update(id, (run, now) => withDeletion(run, principal.account, now));
  }

  /** Takes the deletion of a run back. A run that is not deleted stays as it is. */
  async restore(id: string, principal: { readonly account: string }): Promise<Run> {
    const { book } = this.#parts;
    const found = await book.get(id);
    if (found.deletedAt === null) return found;
    return book.update(id, (run, now) => withRestoration(run, principal.account, now));
  }

  /** Removes the run for good, unless it was changed since it was read. */
  async forget(run: Run): Promise<void> {
    const { trash, retries } = this.#parts;
    const isRemoved = await retries.without(run.id, async () => trash.remove(run.id, run.version));
    if (!isRemoved) throw runNotFound(run.id);
    // The run is gone; should its ZIP stay for a trouble of the disk, the sweep of the next start takes it.
    await this.#parts.definitions.removeUnused(run.definitionSha256).catch(() => undefined);
  }

  /** Until when a deleted run can be taken back; null for any other. */
  undoUntil(run: Run): Date | null {
    return undoUntil(run, this.#parts.retention.rules.undoMs);
  }

  /** What becomes of the runs that ended first, at most `limit` of them. Changes nothing. */
  async planRetention(limit: number, signal: AbortSignal): Promise<RetentionPlan> {
    const { home, store, retention } = this.#parts;
    return planRetention({ home, store, ...retention }, limit, signal);
  }
}
