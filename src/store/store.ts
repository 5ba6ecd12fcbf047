import type { MetricSummary } from "../domain/metric-summary.ts";
import type { Run } from "../domain/run.ts";
import type { RunState } from "../domain/run-state.ts";

/** One line of a run's story, as the system itself lived it. */
export interface RunEvent {
  readonly runId: string;
  /** Grows; the order of the story. */
  readonly sequence: number;
  readonly at: Date;
  /** `submitted`, `state`, `stop_requested`, `warning`, ... */
  readonly type: string;
  /** One sentence for people. */
  readonly message: string;
}

export type NewRunEvent = Pick<RunEvent, "type" | "message">;

/** A submission as it enters. `sealedCredentials` is an envelope made by `access`, empty where there are none; the store never sees inside. */
export interface NewRun {
  readonly run: Run;
  readonly sealedCredentials: string;
  readonly idempotencyKey: string | null;
  /** The bytes of the model definition where the store is to keep them too, under the run's `definitionSha256`. */
  readonly definition?: Uint8Array | null;
}

export interface RunQuery {
  /** Empty: all. */
  readonly states: readonly RunState[];
  /** Part of the name, without regard to case; null: all. */
  readonly name: string | null;
  /** The beginning of the id; null: all. */
  readonly idPrefix: string | null;
  /** True lists the deleted runs that can be taken back, and only those; left out, those that are not deleted. */
  readonly deleted?: boolean;
  /** Only runs whose latest value of a metric is a number within the range. */
  readonly metric?: MetricRange | null;
  /** In the order of a metric, and only runs that have it as a number; left out: newest first. */
  readonly sort?: MetricSort | null;
  readonly limit: number;
  /** From a page before of the same order; null: the first page. */
  readonly cursor: string | null;
}

/** Both bounds belong to it. */
export interface MetricRange {
  readonly key: string;
  readonly min?: number;
  readonly max?: number;
}

export interface MetricSort {
  readonly key: string;
  readonly of: "last" | "min" | "max";
  /** Among equal values the older run is first in the ascending order, and last in the other. */
  readonly order: "ascending" | "descending";
}

/** What there is to say of a run's metrics, in the order of their keys. */
export interface RunMetrics {
  readonly runId: string;
  readonly summaries: readonly MetricSummary[];
}

export interface RunPage {
  /** Newest first, unless the query names an order. */
  readonly runs: readonly Run[];
  readonly nextCursor: string | null;
}

export interface TokenRecord {
  readonly sha256: string;
  readonly account: string;
  readonly name: string;
  readonly createdAt: Date;
}

/**
 * Durable state. A promise that resolved means the fact is synced to disk. Methods may be called at once;
 * each is atomic. Failures are `ServiceError` (`store_busy`, `disk_full`, `disk_failing`, `version_conflict`, `run_not_found`).
 */
export interface Store {
  /**
   * Begins the run's story with the event `submitted`. With an idempotency key that the same owner used before, gives
   * that earlier run and creates nothing, also when that is deleted but not yet gone for good. An id that is taken is a `version_conflict`.
   */
  insertRun(entry: NewRun): Promise<{ readonly run: Run; readonly created: boolean }>;
  findRun(id: string): Promise<Run | undefined>;
  /** Undefined also when the run never had any. */
  findSealedCredentials(id: string): Promise<string | undefined>;
  /** Takes the place of what the run had. `run_not_found` when there is no such run. */
  saveCredentials(id: string, sealed: string): Promise<void>;
  /** The model definition with this SHA-256, while a run that brought its bytes, or one that has the same, is there. */
  findDefinition(sha256: string): Promise<Uint8Array | undefined>;
  listRuns(query: RunQuery): Promise<RunPage>;
  /** Deleted runs are not counted. */
  countRuns(): Promise<Readonly<Record<RunState, number>>>;
  /** Every run that has not ended, oldest submission first. */
  listUnendedRuns(): Promise<readonly Run[]>;
  /**
   * Writes `run` if the stored version is `run.version - 1`, with its events; else `version_conflict`, or `run_not_found`.
   * Id, owner, spec, definition and time of submission are fixed by the insert and not written again.
   */
  saveRun(run: Run, events: readonly NewRunEvent[]): Promise<void>;
  /** Ids of runs that ended before the time, deleted ones too, oldest end first, without the first `skip` of them. */
  listRunsEndedBefore(time: Date, limit: number, skip?: number): Promise<readonly string[]>;
  /** Ids of runs that were deleted before the time and can still be taken back, first deleted first, without the first `skip` of them. */
  listRunsDeletedBefore(time: Date, limit: number, skip?: number): Promise<readonly string[]>;
  /**
   * Removes a run that has ended, its events and credentials. False when it was not there; `run_not_ended` when it lives;
   * `version_conflict` when a version is given and it is another by now.
   */
  deleteRun(id: string, version?: number): Promise<boolean>;
  /** True while any run's model definition is this one. */
  isDefinitionUsed(sha256: string): Promise<boolean>;
  /** Takes the place of all that was said of the run's metrics. Nothing happens where there is no such run. */
  saveMetricSummaries(id: string, summaries: readonly MetricSummary[]): Promise<void>;
  /** Of each of the runs, in their order, also those without any. `keys` null: of every key. */
  listMetricSummaries(ids: readonly string[], keys: readonly string[] | null): Promise<readonly RunMetrics[]>;
  listEvents(id: string, afterSequence: number, limit: number): Promise<readonly RunEvent[]>;
  /** Takes the place of an earlier token with the same account and name, which is then no longer known. */
  saveToken(token: TokenRecord): Promise<void>;
  findToken(sha256: string): Promise<TokenRecord | undefined>;
  close(): Promise<void>;
}
