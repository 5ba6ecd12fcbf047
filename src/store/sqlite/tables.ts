import type { ColumnType, Generated, Selectable } from "kysely";

/** A column that is written once and never changed. */
type Fixed<T> = ColumnType<T, T, never>;

/** One row for each run. Times are milliseconds since 1970; the columns named `..._json` hold what no query looks into. */
export interface RunTable {
  /** Grows with every insert and is never used again: the order of all lists. */
  readonly key: Generated<number>;
  readonly id: Fixed<string>;
  readonly owner: Fixed<string>;
  readonly idempotency_key: Fixed<string | null>;
  readonly spec_json: Fixed<string>;
  readonly definition_sha256: Fixed<string>;
  readonly definition_size_bytes: Fixed<number>;
  readonly submitted_at: Fixed<number>;
  readonly state: string;
  readonly attempt: number;
  readonly version: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly changed_at: number;
  readonly stop_requested_at: number | null;
  readonly stop_grace_ms: number | null;
  readonly environment: string | null;
  readonly devices_json: string;
  readonly handles_json: string;
  readonly outcome_json: string | null;
  readonly failure_json: string | null;
  readonly results_json: string | null;
  readonly warnings_json: string;
  readonly past_attempts_json: string;
  readonly staged_json: string | null;
  readonly deleted_at: number | null;
  readonly device_kind: Fixed<string | null>;
  readonly started_on_boot_json: string | null;
  readonly limit_reached_json: string | null;
  readonly not_before: number | null;
}

export type RunRow = Selectable<RunTable>;

/** Apart from `run`, so that no query for runs can bring credentials along. */
interface RunCredentialsTable {
  readonly run_key: number;
  readonly sealed: string;
}

/** Small model definitions; a trigger removes one with the last run that has it. */
interface DefinitionTable {
  readonly sha256: string;
  readonly zip: Uint8Array;
}

interface RunEventTable {
  readonly run_key: number;
  readonly sequence: number;
  readonly at: number;
  readonly type: string;
  readonly message: string;
}

/** How many runs are in each state; kept right by triggers. */
interface RunCountTable {
  readonly state: string;
  readonly runs: number;
}

interface TokenTable {
  readonly sha256: string;
  readonly account: string;
  readonly name: string;
  readonly created_at: number;
}

/** The latest value and the bounds of each of a run's metrics; null where SQLite has no such number (NaN) or there is none. */
export interface RunMetricRow {
  readonly run_key: number;
  readonly key: string;
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly last: number | null;
  readonly last_step: number;
  readonly last_at: number;
}

export interface Tables {
  readonly run: RunTable;
  readonly run_credentials: RunCredentialsTable;
  readonly definition: DefinitionTable;
  readonly run_event: RunEventTable;
  readonly run_metric: RunMetricRow;
  readonly run_count: RunCountTable;
  readonly token: TokenTable;
}
