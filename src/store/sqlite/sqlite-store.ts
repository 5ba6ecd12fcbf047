import { sql } from "kysely";
import type { Kysely, Transaction } from "kysely";
import type { Clock } from "../../base/clock.ts";
import { shuttingDown } from "../../domain/errors.ts";
import type { MetricSummary } from "../../domain/metric-summary.ts";
import type { Run } from "../../domain/run.ts";
import { RUN_STATES, type RunState } from "../../domain/run-state.ts";
import type { NewRun, NewRunEvent, RunEvent, RunMetrics, RunPage, RunQuery, Store, TokenRecord } from "../store.ts";
import { GroupCommit } from "./group-commit.ts";
import { listMetricSummaries, saveMetricSummaries } from "./metric-rows.ts";
import { listRuns } from "./run-pages.ts";
import { runOfRow } from "./run-rows.ts";
import { deleteRun, insertRun, saveCredentials, saveRun } from "./run-writes.ts";
import { translateSqliteError } from "./sqlite-trouble.ts";
import { TokenMemory } from "./token-memory.ts";
import type { Tables } from "./tables.ts";

/** The store of one machine, in one file. Nothing else may write to the file meanwhile (`home-lock.ts`). */
export class SqliteStore implements Store {
  readonly #db: Kysely<Tables>;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #commits: GroupCommit;
  readonly #tokens = new TokenMemory();
  #closing: Promise<void> | null = null;

  constructor(db: Kysely<Tables>, path: string, clock: Clock) {
    this.#db = db;
    this.#path = path;
    this.#clock = clock;
    this.#commits = new GroupCommit(db);
  }

  insertRun(entry: NewRun): Promise<{ readonly run: Run; readonly created: boolean }> {
    return this.#write((db) => insertRun(db, entry, this.#clock.now()));
  }

  findRun(id: string): Promise<Run | undefined> {
    return this.#read(async (db) => {
      const row = await db.selectFrom("run").selectAll().where("id", "=", id).executeTakeFirst();
      return row === undefined ? undefined : runOfRow(row);
    });
  }

  findSealedCredentials(id: string): Promise<string | undefined> {
    return this.#read(async (db) => {
      const row = await db
        .selectFrom("run_credentials")
        .innerJoin("run", "run.key", "run_credentials.run_key")
        .select("sealed")
        .where("run.id", "=", id)
        .executeTakeFirst();
      return row?.sealed;
    });
  }

  saveCredentials(id: string, sealed: string): Promise<void> {
    return this.#write((db) => saveCredentials(db, id, sealed));
  }

  findDefinition(sha256: string): Promise<Uint8Array | undefined> {
    return this.#read(async (db) => {
      const row = await db.selectFrom("definition").select("zip").where("sha256", "=", sha256).executeTakeFirst();
      return row?.zip;
    });
  }

  listRuns(query: RunQuery): Promise<RunPage> {
    return this.#read((db) => listRuns(db, query));
  }

  countRuns(): Promise<Readonly<Record<RunState, number>>> {
    return this.#read(async (db) => {
      const rows = await db.selectFrom("run_count").selectAll().execute();
      const counted = new Map(rows.map(({ state, runs }) => [state, runs]));
      return Object.fromEntries(RUN_STATES.map((state) => [state, counted.get(state) ?? 0])) as Record<
        RunState,
        number
      >;
    });
  }

  listUnendedRuns(): Promise<readonly Run[]> {
    return this.#read(async (db) => {
      const rows = await db.selectFrom("run").selectAll().where("ended_at", "is", null).orderBy("key").execute();
      return rows.map(runOfRow);
    });
  }

  saveRun(run: Run, events: readonly NewRunEvent[]): Promise<void> {
    return this.#write((db) => saveRun(db, run, events, this.#clock.now()));
  }

  listRunsEndedBefore(time: Date, limit: number, skip = 0): Promise<readonly string[]> {
    return this.#idsBefore("ended_at", time, limit, skip);
  }

  listRunsDeletedBefore(time: Date, limit: number, skip = 0): Promise<readonly string[]> {
    return this.#idsBefore("deleted_at", time, limit, skip);
  }

  deleteRun(id: string, version?: number): Promise<boolean> {
    return this.#write((db) => deleteRun(db, id, version));
  }

  isDefinitionUsed(sha256: string): Promise<boolean> {
    return this.#read(async (db) => {
      const row = await db
        .selectFrom("run")
        .select(sql`1`.as("used"))
        .where("definition_sha256", "=", sha256)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    });
  }

  saveMetricSummaries(id: string, summaries: readonly MetricSummary[]): Promise<void> {
    return this.#write((db) => saveMetricSummaries(db, id, summaries));
  }

  listMetricSummaries(ids: readonly string[], keys: readonly string[] | null): Promise<readonly RunMetrics[]> {
    return this.#read((db) => listMetricSummaries(db, ids, keys));
  }

  listEvents(id: string, afterSequence: number, limit: number): Promise<readonly RunEvent[]> {
    return this.#read(async (db) => {
      const rows = await db
        .selectFrom("run_event")
        .innerJoin("run", "run.key", "run_event.run_key")
        .select(["sequence", "at", "type", "message"])
        .where("run.id", "=", id)
        .where("sequence", ">", afterSequence)
        .orderBy("sequence")
        .limit(limit)
        .execute();
      return rows.map(({ at, ...event }) => ({ runId: id, ...event, at: new Date(at) }));
    });
  }

  async saveToken({ sha256, account, name, createdAt }: TokenRecord): Promise<void> {
    this.#tokens.forgetAll();
    try {
      await this.#write(async (db) => {
        await db
          .deleteFrom("token")
          .where("account", "=", account)
          .where("name", "=", name)
          .where("sha256", "<>", sha256)
          .execute();
        await db
          .insertInto("token")
          .values({ sha256, account, name, created_at: createdAt.getTime() })
          .onConflict((conflict) => conflict.column("sha256").doUpdateSet({ account, name }))
          .execute();
      });
    } finally {
      this.#tokens.forgetAll();
    }
  }

  findToken(sha256: string): Promise<TokenRecord | undefined> {
    return this.#tokens.find(sha256, () =>
      this.#read(async (db) => {
        const row = await db.selectFrom("token").selectAll().where("sha256", "=", sha256).executeTakeFirst();
        return row && { sha256, account: row.account, name: row.name, createdAt: new Date(row.created_at) };
      }),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#commits.settled().then(() => this.#db.destroy());
    return this.#closing;
  }

  #idsBefore(column: "ended_at" | "deleted_at", time: Date, limit: number, skip: number): Promise<readonly string[]> {
    return this.#read(async (db) => {
      const rows = await db
        .selectFrom("run")
        .select("id")
        .where(column, "<", time.getTime())
        .orderBy(column)
        .orderBy("key")
        .limit(limit)
        .offset(skip)
        .execute();
      return rows.map((row) => row.id);
    });
  }

  #read<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#translated(() => work(this.#db));
  }

  #write<T>(work: (db: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#translated(() => this.#commits.write(work));
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== null) throw shuttingDown();
    try {
      return await work();
    } catch (error) {
      throw translateSqliteError(error, this.#path);
    }
  }
}
