import type { Clock } from "../../base/clock.ts";
import type { DataStores } from "../../datastores/data-stores.ts";
import { DEFAULT_TRANSFER_LIMITS, TransferBudget } from "../../datastores/transfer-budget.ts";
import { amend, type Run } from "../../domain/run.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import { type CacheFigures, DataStaging } from "../../staging/data-staging.ts";
import type { ChosenView } from "../../staging/data-view.ts";
import type { ProgressFigures } from "../../staging/staging-progress.ts";
import type { Store } from "../../store/store.ts";
import { messageOf } from "../run/failures.ts";
import { keepFetchingAhead } from "./prefetcher.ts";
import type { RunBook } from "../run/run-book.ts";
import type { Scheduler } from "../queue/scheduler.ts";
import type { ServiceLog } from "../run/service-log.ts";
import { readStaged, releaseData } from "./stage-data.ts";

export interface DataCacheParts {
  readonly home: string;
  readonly clock: Clock;
  readonly store: Pick<Store, "listUnendedRuns" | "findRun">;
  readonly dataStores: DataStores;
  readonly log: ServiceLog;
  readonly cacheMaxBytes?: number | null;
  readonly transfers?: TransferBudget;
  readonly dataView?: ChosenView;
}

/** What can be asked of the cache of training data, for every surface, and what the duties need of it. */
export class DataCache {
  readonly staging: DataStaging;
  readonly #parts: DataCacheParts;
  readonly #openCredentials: (runId: string) => Promise<Credentials>;
  readonly #ending = new AbortController();
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(parts: DataCacheParts, openCredentials: (runId: string) => Promise<Credentials>) {
    this.#parts = parts;
    this.#openCredentials = openCredentials;
    const { home, clock, log, dataView } = parts;
    this.staging = new DataStaging({
      home,
      clock,
      budget: parts.transfers ?? new TransferBudget(DEFAULT_TRANSFER_LIMITS, clock),
      maxBytes: parts.cacheMaxBytes ?? null,
      ...(dataView === undefined ? {} : { view: dataView }),
      onTrouble: (error) => log.error({ error: messageOf(error) }, "room in the cache could not be made"),
    });
  }

  /** Before any run is taken over: what live runs use stays, what a server before left half done goes. */
  async open(): Promise<void> {
    const held: { holder: string; tree: string }[] = [];
    for (const run of await this.#parts.store.listUnendedRuns()) {
      if (run.spec.data === null) continue;
      const record = await readStaged(this.#parts.home, run);
      if (record !== null) held.push({ holder: run.id, tree: record.tree });
    }
    await this.staging.open(held);
  }

  /** Counts what is there, and from then on fetches ahead for the runs that wait. */
  start(scheduler: Pick<Scheduler, "next">): void {
    const { signal } = this.#ending;
    const { log } = this.#parts;
    const work = async (): Promise<void> => {
      await this.staging.measure();
      await keepFetchingAhead(
        { ...this.#parts, scheduler, staging: this.staging, openCredentials: this.#openCredentials },
        signal,
      );
    };
    this.#underWay = work().catch((error: unknown) => {
      if (!signal.aborted) log.error({ error: messageOf(error) }, "the cache is not looked after");
    });
  }

  async stop(): Promise<void> {
    this.#ending.abort(new Error("The server is ending."));
    await this.#underWay;
  }

  /** A line in the run's story. */
  async tell(book: RunBook, runId: string, message: string): Promise<void> {
    await book.update(runId, (run, now) => ({ run: amend(run, now, {}), events: [{ type: "staging", message }] }));
  }

  /** The run needs its data no more. */
  async release(runId: string): Promise<void> {
    await releaseData({ home: this.#parts.home, staging: this.staging }, runId);
  }

  /** How far the data of a run is while it downloads; null otherwise. */
  progressOf(run: Run): ProgressFigures | null {
    return run.state === "downloading" ? this.staging.progressOf(run.id) : null;
  }

  figures(): CacheFigures {
    return this.staging.figures();
  }

  /** By what means runs see their data here, and why by no better one. */
  async view(): Promise<{ readonly name: string; readonly refused: readonly string[] }> {
    const { view, refused } = await this.staging.view();
    return { name: view.name, refused };
  }

  /** Removes what no live run uses. Gives the bytes that came free. */
  async clear(): Promise<number> {
    return this.staging.clear();
  }
}
