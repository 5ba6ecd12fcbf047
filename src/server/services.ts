import type { Principal } from "../access/authenticate.ts";
import type { DefinitionContent } from "../domain/definition-content.ts";
import type { MetricCondition, MetricOrder } from "../contract/metric-query.ts";
import type { RetentionPlan } from "../control/removal/retention-plan.ts";
import type { MetricSummary } from "../domain/metric-summary.ts";
import type { Run } from "../domain/run.ts";
import type { RunState } from "../domain/run-state.ts";
import type { IndexedLog } from "../logs/indexed-log.ts";
import type { LogFacts } from "../logs/log-hub.ts";
import type { MetricRecord } from "../metrics/metric-record.ts";
import type { Chart, ChartRequest, Curve } from "../metrics/points/chart.ts";

/** Checks the token that a run's program was given; throws `not_authenticated`. */
export type AuthenticateProgram = (authorizationHeader: string | undefined, runId: string) => void;

/** Checks the `Authorization` header as it came; rejects with `not_authenticated`. */
export type Authenticate = (authorizationHeader: string | undefined) => Promise<Principal>;

export interface SubmitRequest {
  /** A file is a temporary one in the upload folder, synced. The service takes it over; where it refuses, we remove it. */
  readonly zip: DefinitionContent;
  /** Of the ZIP, lower-case hex. */
  readonly sha256: string;
  readonly manifest: Uint8Array;
  /** What to call the manifest in sentences about it. */
  readonly manifestName: string;
  readonly idempotencyKey: string | null;
  readonly principal: Principal;
}

export interface ListQuery {
  /** Empty: all. */
  readonly states: readonly RunState[];
  readonly name: string | null;
  readonly idPrefix: string | null;
  readonly deleted: boolean;
  readonly metric: MetricCondition | null;
  readonly sort: MetricOrder | null;
  readonly limit: number;
  readonly cursor: string | null;
}

export interface StoryEvent {
  readonly sequence: number;
  readonly at: Date;
  readonly type: string;
  readonly message: string;
}

export interface ResultObjects {
  readonly source: "bucket" | "local";
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number }[];
  readonly truncated: boolean;
}

export interface StagingFigures {
  readonly objects: number;
  readonly sizeBytes: number;
  readonly wantedObjects: number;
  readonly wantedBytes: number;
  readonly isListed: boolean;
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | null;
}

/** What the routes need of the cache of training data. */
export interface CacheService {
  figures(): {
    readonly objects: number;
    readonly sizeBytes: number;
    readonly maxBytes: number;
    readonly heldTrees: number;
    readonly hitObjects: number;
    readonly hitBytes: number;
    readonly missObjects: number;
    readonly missBytes: number;
  };
  view(): Promise<{ readonly name: string; readonly refused: readonly string[] }>;
  /** Removes what no live run uses. Gives the bytes that came free. */
  clear(): Promise<number>;
}

/** What the server tells of itself, read when it is asked for. */
export interface FiguresSource {
  read(): Promise<{
    readonly runsByState: Readonly<Record<RunState, number>>;
    readonly queueLength: number;
    readonly deviceUse: readonly { readonly kind: string; readonly use: string; readonly count: number }[];
    readonly cacheFigures: ReturnType<CacheService["figures"]>;
    readonly metricPoints: number;
  }>;
}

/** What the routes need of metrics. */
export interface MetricService {
  list(runId: string): Promise<{ readonly run: Run; readonly summaries: readonly MetricSummary[] }>;
  chart(
    runIds: readonly string[],
    keys: readonly string[] | null,
    request: ChartRequest,
    most: number,
    signal: AbortSignal,
  ): Promise<Chart>;
  runOf(curve: Curve): string;
  /** Of each of the runs, by its id. */
  summariesOf(
    runIds: readonly string[],
    keys: readonly string[],
  ): Promise<readonly { readonly runId: string; readonly summaries: readonly MetricSummary[] }[]>;
  report(runId: string, records: readonly MetricRecord[]): Promise<void>;
  waitForNews(runId: string, signal: AbortSignal): Promise<void>;
}

/**
 * What the routes need of the control plane, and no more. Every method that names a run rejects with `run_not_found`
 * when there is none.
 */
export interface RunService {
  /** What a device of this run is: `nvidia` or `cpu_slot`. */
  deviceKindOf(run: Run): string;
  /** By what means the run's processes are kept together; null while none of it runs. */
  processTrackingOf(run: Run): string | null;
  /** How far the run's training data is; null unless it is on its way. */
  stagingOf(run: Run): StagingFigures | null;
  submit(request: SubmitRequest, signal: AbortSignal): Promise<{ readonly run: Run; readonly created: boolean }>;
  get(id: string): Promise<Run>;
  /** Resolves once the run's version is greater than `afterVersion`. */
  waitForChange(id: string, afterVersion: number, signal: AbortSignal): Promise<Run>;
  list(query: ListQuery): Promise<{ readonly runs: readonly Run[]; readonly nextCursor: string | null }>;
  /** Without a grace (null) the program gets as long as the server is configured to give. */
  requestStop(id: string, graceMs: number | null, principal: Principal): Promise<Run>;
  /** Gives the run while it can be taken back; null when it is gone. */
  remove(
    id: string,
    principal: Principal,
    how?: { readonly atOnce?: boolean; readonly discardResults?: boolean },
  ): Promise<Run | null>;
  /** Takes a deletion back. */
  restore(id: string, principal: Principal): Promise<Run>;
  /** Until when a deleted run can be taken back; null for any other. */
  undoUntil(run: Run): Date | null;
  /** What becomes of the runs that ended first. */
  planRetention(limit: number, signal: AbortSignal): Promise<RetentionPlan>;
  events(id: string, afterSequence: number, limit: number): Promise<readonly StoryEvent[]>;
  results(id: string, signal: AbortSignal): Promise<ResultObjects>;
  /** Stores the results of an ended run again, in the background; a manifest may bring newer credentials for the bucket. */
  retryResults(id: string, manifest: string | null, principal: Principal): Promise<Run>;
  /** Why a pending run waits; null for any other. */
  waiting(run: Run): { readonly reason: string; readonly position: number } | null;
  /** What keeps a run that does not wait from going on now; null when nothing does. */
  delayed(run: Run): { readonly reason: string; readonly since: Date } | null;
  /** `path` is made by the service from the id. `isComplete` says that no byte will follow what the file holds now. */
  logFile(id: string, learner: number, attempt?: number): Promise<LogFacts>;
  /** A log with its index, brought up to date; both are good until `use` has resolved. */
  useLogIndex<T>(
    id: string,
    learner: number,
    attempt: number | undefined,
    use: (indexed: IndexedLog, facts: LogFacts) => Promise<T>,
  ): Promise<T>;
  /** Resolves once the log is longer than `fromByte`, or complete. */
  waitForLog(id: string, learner: number, fromByte: number, signal: AbortSignal, attempt?: number): Promise<void>;
  /** Everything that a manifest may name as its framework here, each name and version once. */
  frameworks(signal: AbortSignal): Promise<readonly { readonly name: string; readonly version: string }[]>;
  /** The folder on this machine with the run's own copy of its results, where one is kept. */
  localCopy(run: Run): string | null;
}

export interface ListedEnvironment {
  readonly environment: {
    readonly framework: string;
    readonly version: string;
    readonly label: string;
    readonly origin: "found" | "configured" | "built" | "built_in";
  };
  /** Null for one that was not built here. */
  readonly built: {
    readonly id: string;
    readonly sizeBytes: number;
    /** ISO 8601. */
    readonly builtAt: string;
    readonly lastUsedAt: Date;
    readonly requirements: readonly string[];
  } | null;
  readonly isInUse: boolean;
}

/** What the routes need of environments. */
export interface EnvironmentService {
  list(signal: AbortSignal): Promise<{
    readonly environments: readonly ListedEnvironment[];
    readonly building: readonly string[];
    readonly installer: string | null;
    readonly buildable: readonly { readonly framework: string; readonly requirements: readonly string[] }[];
  }>;
  /** Undefined when the build is not done when `wait` is aborted; it goes on. */
  build(framework: string, version: string, wait: AbortSignal): Promise<ListedEnvironment | undefined>;
  /** Rejects with `environment_not_found` or `environment_in_use`. */
  remove(id: string): Promise<void>;
}
