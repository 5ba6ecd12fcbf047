import { runNotEnded, runNotFound, shuttingDown, versionConflict } from "../../src/domain/errors.ts";
import type { MetricSummary } from "../../src/domain/metric-summary.ts";
import type { Run } from "../../src/domain/run.ts";
import { isTerminal, RUN_STATES, type RunState } from "../../src/domain/run-state.ts";
import { cursorOfKey, cursorOfPlace, keyOfCursor, placeOfCursor } from "../../src/store/page-cursor.ts";
import type {
  MetricSort,
  NewRun,
  NewRunEvent,
  RunEvent,
  RunMetrics,
  RunPage,
  RunQuery,
  Store,
  TokenRecord,
} from "../../src/store/store.ts";

interface Row {
  readonly key: number;
  readonly idempotencyKey: string | null;
  readonly sealed: string;
  run: Run;
  readonly events: RunEvent[];
  metrics: readonly MetricSummary[];
}

/** A change as it becomes durable; `before` is null for an insert, `after` for a removal. */
export type StoreChange = { readonly before: Run | null; readonly after: Run | null };

/** What would be on the disk: it outlives every store that is opened over it. */
export class MemoryDisk {
  readonly rows = new Map<string, Row>();
  readonly tokens = new Map<string, TokenRecord>();
  /** `OWNER KEY` to the run's id. */
  readonly keys = new Map<string, string>();
  readonly unended = new Set<string>();
  /** By SHA-256, with how many runs use each. */
  readonly definitions = new Map<string, { uses: number; bytes: Uint8Array | null }>();
  /** The bytes of those that came with their run. */
  lastKey = 0;
}

/** Keeps the promises of `Store` in memory. Every method does all it does before it returns. */
export class MemoryStore implements Store {
  readonly #disk: MemoryDisk;
  readonly #now: () => Date;
  readonly #onChange: (change: StoreChange) => void;
  #isClosed = false;

  constructor(disk: MemoryDisk, now: () => Date, onChange: (change: StoreChange) => void = () => {}) {
    this.#disk = disk;
    this.#now = now;
    this.#onChange = onChange;
  }

  async insertRun({ run, sealedCredentials, idempotencyKey, definition = null }: NewRun) {
    this.#refuseWhenClosed();
    const { rows, keys, unended, definitions } = this.#disk;
    const ownKey = idempotencyKey === null ? null : `${run.owner} ${idempotencyKey}`;
    const earlier = rows.get(ownKey === null ? "" : (keys.get(ownKey) ?? ""));
    if (earlier !== undefined) return { run: earlier.run, created: false };
    if (rows.has(run.id)) throw versionConflict(run.id);
    const key = (this.#disk.lastKey += 1);
    const row: Row = { key, idempotencyKey: ownKey, sealed: sealedCredentials, run, events: [], metrics: [] };
    rows.set(run.id, row);
    if (ownKey !== null) keys.set(ownKey, run.id);
    if (!isTerminal(run.state)) unended.add(run.id);
    const { uses, bytes } = definitions.get(run.definitionSha256) ?? { uses: 0, bytes: null };
    definitions.set(run.definitionSha256, { uses: uses + 1, bytes: bytes ?? definition });
    this.#tell(row, [{ type: "submitted", message: `Submitted by ${run.owner}.` }]);
    this.#onChange({ before: null, after: run });
    return { run, created: true };
  }

  async findRun(id: string): Promise<Run | undefined> {
    this.#refuseWhenClosed();
    return this.#disk.rows.get(id)?.run;
  }

  async findSealedCredentials(id: string): Promise<string | undefined> {
    this.#refuseWhenClosed();
    const sealed = this.#disk.rows.get(id)?.sealed;
    return sealed === "" ? undefined : sealed;
  }

  async saveCredentials(id: string, sealed: string): Promise<void> {
    this.#refuseWhenClosed();
    const row = this.#disk.rows.get(id);
    if (row === undefined) throw runNotFound(id);
    this.#disk.rows.set(id, { ...row, sealed });
  }

  async listRuns(query: RunQuery): Promise<RunPage> {
    this.#refuseWhenClosed();
    const { states, name, idPrefix, limit, cursor, deleted = false, metric = null, sort = null } = query;
    const before = cursor === null || sort !== null ? Infinity : keyOfCursor(cursor);
    const wanted = (name ?? "").toLowerCase();
    const found = [...this.#disk.rows.values()]
      .filter(
        ({ key, run, metrics }) =>
          key < before &&
          (metric === null ||
            metrics.some(
              (one) =>
                one.key === metric.key && one.last >= (metric.min ?? -Infinity) && one.last <= (metric.max ?? Infinity),
            )) &&
          deleted === (run.deletedAt !== null) &&
          (states.length === 0 || states.includes(run.state)) &&
          run.spec.name.toLowerCase().includes(wanted) &&
          run.id.startsWith(idPrefix ?? ""),
      )
      .reverse();
    if (sort !== null) return pageByMetric(found, sort, Math.min(limit, 1000), cursor);
    const page = found.slice(0, Math.min(limit, 1000));
    const last = page.at(-1);
    return {
      runs: page.map(({ run }) => run),
      nextCursor: last === undefined || page.length === found.length ? null : cursorOfKey(last.key),
    };
  }

  async saveMetricSummaries(id: string, summaries: readonly MetricSummary[]): Promise<void> {
    this.#refuseWhenClosed();
    const row = this.#disk.rows.get(id);
    if (row !== undefined) row.metrics = summaries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  async listMetricSummaries(ids: readonly string[], keys: readonly string[] | null): Promise<readonly RunMetrics[]> {
    this.#refuseWhenClosed();
    return ids.map((runId) => {
      const { metrics = [] } = this.#disk.rows.get(runId) ?? {};
      return { runId, summaries: metrics.filter(({ key }) => keys?.includes(key) ?? true) };
    });
  }

  async countRuns(): Promise<Readonly<Record<RunState, number>>> {
    this.#refuseWhenClosed();
    const counts = Object.fromEntries(RUN_STATES.map((state) => [state, 0])) as Record<RunState, number>;
    for (const { run } of this.#disk.rows.values()) if (run.deletedAt === null) counts[run.state] += 1;
    return counts;
  }

  async listUnendedRuns(): Promise<readonly Run[]> {
    this.#refuseWhenClosed();
    return [...this.#disk.unended]
      .map((id) => this.#disk.rows.get(id) as Row)
      .toSorted((a, b) => a.key - b.key)
      .map(({ run }) => run);
  }

  async saveRun(run: Run, events: readonly NewRunEvent[]): Promise<void> {
    this.#refuseWhenClosed();
    const row = this.#disk.rows.get(run.id);
    if (row === undefined) throw runNotFound(run.id);
    const before = row.run;
    if (before.version !== run.version - 1) throw versionConflict(run.id);
    const { id, owner, spec, definitionSha256, definitionSizeBytes, submittedAt } = before;
    row.run = { ...run, id, owner, spec, definitionSha256, definitionSizeBytes, submittedAt };
    if (isTerminal(run.state)) this.#disk.unended.delete(run.id);
    else this.#disk.unended.add(run.id);
    this.#tell(row, events);
    this.#onChange({ before, after: row.run });
  }

  async listRunsEndedBefore(time: Date, limit: number, skip = 0): Promise<readonly string[]> {
    return this.#listBefore("endedAt", time, limit, skip);
  }

  async listRunsDeletedBefore(time: Date, limit: number, skip = 0): Promise<readonly string[]> {
    return this.#listBefore("deletedAt", time, limit, skip);
  }

  async deleteRun(id: string, version?: number): Promise<boolean> {
    this.#refuseWhenClosed();
    const { rows, keys, definitions } = this.#disk;
    const row = rows.get(id);
    if (row === undefined) return false;
    const { run, idempotencyKey } = row;
    if (!isTerminal(run.state)) throw runNotEnded(id, run.state);
    if (version !== undefined && version !== run.version) throw versionConflict(id);
    rows.delete(id);
    if (idempotencyKey !== null) keys.delete(idempotencyKey);
    const definition = definitions.get(run.definitionSha256);
    if (definition !== undefined && (definition.uses -= 1) === 0) definitions.delete(run.definitionSha256);
    this.#onChange({ before: run, after: null });
    return true;
  }

  async isDefinitionUsed(sha256: string): Promise<boolean> {
    this.#refuseWhenClosed();
    return this.#disk.definitions.has(sha256);
  }

  async findDefinition(sha256: string): Promise<Uint8Array | undefined> {
    this.#refuseWhenClosed();
    return this.#disk.definitions.get(sha256)?.bytes ?? undefined;
  }

  async listEvents(id: string, afterSequence: number, limit: number): Promise<readonly RunEvent[]> {
    this.#refuseWhenClosed();
    return (this.#disk.rows.get(id)?.events ?? []).slice(afterSequence, afterSequence + limit);
  }

  async saveToken(token: TokenRecord): Promise<void> {
    this.#refuseWhenClosed();
    for (const [sha256, { account, name }] of this.#disk.tokens) {
      if (account === token.account && name === token.name && sha256 !== token.sha256) this.#disk.tokens.delete(sha256);
    }
    if (!this.#disk.tokens.has(token.sha256)) this.#disk.tokens.set(token.sha256, token);
  }

  async findToken(sha256: string): Promise<TokenRecord | undefined> {
    this.#refuseWhenClosed();
    return this.#disk.tokens.get(sha256);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #listBefore(field: "endedAt" | "deletedAt", time: Date, limit: number, skip: number): readonly string[] {
    this.#refuseWhenClosed();
    const before = [...this.#disk.rows.values()].filter(({ run }) => run[field] !== null && run[field] < time);
    const ids = before.toSorted((a, b) => Number(a.run[field]) - Number(b.run[field])).map(({ run }) => run.id);
    return ids.slice(skip, skip + limit);
  }

  #tell(row: Row, events: readonly NewRunEvent[]): void {
    const at = this.#now();
    for (const { type, message } of events) {
      row.events.push({ runId: row.run.id, sequence: row.events.length + 1, at, type, message });
    }
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw shuttingDown();
  }
}

function pageByMetric(
  rows: readonly Row[],
  { key, of, order }: MetricSort,
  limit: number,
  cursor: string | null,
): RunPage {
  const sign = order === "ascending" ? 1 : -1;
  const behind = cursor === null ? null : placeOfCursor(cursor);
  const placed = rows
    .flatMap((row) => {
      const value = row.metrics.find((metric) => metric.key === key)?.[of] ?? NaN;
      return Number.isNaN(value) ? [] : [{ row, value }];
    })
    .toSorted((a, b) => sign * (compare(a.value, b.value) || a.row.key - b.row.key))
    .filter(({ row, value }) => behind === null || sign * (compare(value, behind.value) || row.key - behind.key) > 0);
  const page = placed.slice(0, limit);
  const last = placed.length > page.length ? page.at(-1) : undefined;
  return {
    runs: page.map(({ row }) => row.run),
    nextCursor: last === undefined ? null : cursorOfPlace(last.value, last.row.key),
  };
}

/** Infinities are no numbers to subtract. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
