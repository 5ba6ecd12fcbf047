import type { Insertable, Updateable } from "kysely";
import type { RunFailure } from "../../domain/failure.ts";
import type {
  LimitReached,
  MomentOfBoot,
  PastAttempt,
  Run,
  RunOutcome,
  StagedData,
  StoredResults,
} from "../../domain/run.ts";
import type { RunState } from "../../domain/run-state.ts";
import { completeSpec, type StoredSpec } from "../../domain/training-spec.ts";
import type { RunRow, RunTable } from "./tables.ts";

/** Dates do not survive JSON; everything else does. */
type PastAttemptJson = Omit<PastAttempt, "startedAt" | "endedAt"> & {
  readonly startedAtMs: number | null;
  readonly endedAtMs: number;
};
type ResultsJson = Omit<StoredResults, "storedAt"> & { readonly storedAtMs: number };
type LimitReachedJson = Omit<LimitReached, "at"> & { readonly atMs: number };

export function runOfRow(row: RunRow): Run {
  return {
    id: row.id,
    owner: row.owner,
    spec: completeSpec(JSON.parse(row.spec_json) as StoredSpec),
    definitionSha256: row.definition_sha256,
    definitionSizeBytes: row.definition_size_bytes,
    state: row.state as RunState,
    attempt: row.attempt,
    version: row.version,
    submittedAt: new Date(row.submitted_at),
    startedAt: dateOf(row.started_at),
    endedAt: dateOf(row.ended_at),
    changedAt: new Date(row.changed_at),
    stopRequestedAt: dateOf(row.stop_requested_at),
    stopGraceMs: row.stop_grace_ms,
    devices: JSON.parse(row.devices_json) as Run["devices"],
    environment: row.environment,
    handles: JSON.parse(row.handles_json) as Run["handles"],
    outcome: row.outcome_json === null ? null : (JSON.parse(row.outcome_json) as RunOutcome),
    failure: row.failure_json === null ? null : (JSON.parse(row.failure_json) as RunFailure),
    results: row.results_json === null ? null : resultsOf(JSON.parse(row.results_json) as ResultsJson),
    pastAttempts: (JSON.parse(row.past_attempts_json) as PastAttemptJson[]).map(pastAttemptOf),
    staged: row.staged_json === null ? null : (JSON.parse(row.staged_json) as StagedData),
    deletedAt: dateOf(row.deleted_at),
    deviceKind: row.device_kind as Run["deviceKind"],
    startedOnBoot: row.started_on_boot_json === null ? null : (JSON.parse(row.started_on_boot_json) as MomentOfBoot),
    limitReached:
      row.limit_reached_json === null ? null : limitReachedOf(JSON.parse(row.limit_reached_json) as LimitReachedJson),
    notBefore: dateOf(row.not_before),
    warnings: JSON.parse(row.warnings_json) as Run["warnings"],
  };
}

export function newRowOfRun(run: Run, idempotencyKey: string | null): Insertable<RunTable> {
  return {
    id: run.id,
    owner: run.owner,
    idempotency_key: idempotencyKey,
    spec_json: JSON.stringify(run.spec),
    definition_sha256: run.definitionSha256,
    definition_size_bytes: run.definitionSizeBytes,
    submitted_at: run.submittedAt.getTime(),
    device_kind: run.deviceKind,
    ...changingColumns(run),
  };
}

/** What `saveRun` writes: the rest is fixed by the insert. */
export function changingColumns(run: Run) {
  return {
    state: run.state,
    attempt: run.attempt,
    version: run.version,
    started_at: millisecondsOf(run.startedAt),
    ended_at: millisecondsOf(run.endedAt),
    changed_at: run.changedAt.getTime(),
    stop_requested_at: millisecondsOf(run.stopRequestedAt),
    stop_grace_ms: run.stopGraceMs,
    environment: run.environment,
    devices_json: JSON.stringify(run.devices),
    handles_json: JSON.stringify(run.handles),
    outcome_json: run.outcome === null ? null : JSON.stringify(run.outcome),
    failure_json: run.failure === null ? null : JSON.stringify(run.failure),
    results_json: run.results === null ? null : JSON.stringify(jsonOfResults(run.results)),
    past_attempts_json: JSON.stringify(run.pastAttempts.map(jsonOfPastAttempt)),
    staged_json: run.staged === null ? null : JSON.stringify(run.staged),
    deleted_at: millisecondsOf(run.deletedAt),
    started_on_boot_json: run.startedOnBoot === null ? null : JSON.stringify(run.startedOnBoot),
    limit_reached_json: run.limitReached === null ? null : JSON.stringify(jsonOfLimitReached(run.limitReached)),
    not_before: millisecondsOf(run.notBefore),
    warnings_json: JSON.stringify(run.warnings),
  } satisfies Updateable<RunTable>;
}

function pastAttemptOf({ startedAtMs, endedAtMs, ...rest }: PastAttemptJson): PastAttempt {
  return { ...rest, startedAt: dateOf(startedAtMs), endedAt: new Date(endedAtMs) };
}

function jsonOfPastAttempt({ startedAt, endedAt, ...rest }: PastAttempt): PastAttemptJson {
  return { ...rest, startedAtMs: millisecondsOf(startedAt), endedAtMs: endedAt.getTime() };
}

function limitReachedOf({ atMs, ...rest }: LimitReachedJson): LimitReached {
  return { ...rest, at: new Date(atMs) };
}

function jsonOfLimitReached({ at, ...rest }: LimitReached): LimitReachedJson {
  return { ...rest, atMs: at.getTime() };
}

function resultsOf({ storedAtMs, ...rest }: ResultsJson): StoredResults {
  return { ...rest, storedAt: new Date(storedAtMs) };
}

function jsonOfResults({ storedAt, ...rest }: StoredResults): ResultsJson {
  return { ...rest, storedAtMs: storedAt.getTime() };
}

function dateOf(milliseconds: number | null): Date | null {
  return milliseconds === null ? null : new Date(milliseconds);
}

function millisecondsOf(date: Date | null): number | null {
  return date === null ? null : date.getTime();
}
