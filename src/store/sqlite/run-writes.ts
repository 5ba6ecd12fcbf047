import type { Transaction } from "kysely";
import { sql } from "kysely";
import { runNotEnded, runNotFound, versionConflict } from "../../domain/errors.ts";
import type { Run } from "../../domain/run.ts";
import { isTerminal, type RunState } from "../../domain/run-state.ts";
import type { NewRun, NewRunEvent } from "../store.ts";
import { foldName } from "./run-pages.ts";
import { changingColumns, newRowOfRun, runOfRow } from "./run-rows.ts";
import { isDuplicate } from "./sqlite-trouble.ts";
import type { Tables } from "./tables.ts";

type Writer = Transaction<Tables>;

export async function insertRun(
  db: Writer,
  entry: NewRun,
  now: Date,
): Promise<{ readonly run: Run; readonly created: boolean }> {
  const { run, idempotencyKey, sealedCredentials, definition = null } = entry;
  if (idempotencyKey !== null) {
    const earlier = await findByIdempotencyKey(db, run.owner, idempotencyKey);
    if (earlier !== undefined) return { run: earlier, created: false };
  }
  const key = await insertRow(db, run, idempotencyKey);
  await sql`insert into run_name (rowid, name) values (${key}, ${foldName(run.spec.name)})`.execute(db);
  if (sealedCredentials !== "") {
    await db.insertInto("run_credentials").values({ run_key: key, sealed: sealedCredentials }).execute();
  }
  if (definition !== null) {
    const row = { sha256: run.definitionSha256, zip: definition };
    await db
      .insertInto("definition")
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  await insertEvents(db, key, [{ type: "submitted", message: `Submitted by ${run.owner}.` }], now);
  return { run, created: true };
}

async function insertRow(db: Writer, run: Run, idempotencyKey: string | null): Promise<number> {
  try {
    const row = newRowOfRun(run, idempotencyKey);
    const { key } = await db.insertInto("run").values(row).returning("key").executeTakeFirstOrThrow();
    return key;
  } catch (error) {
    throw isDuplicate(error, "run.id") ? versionConflict(run.id) : error;
  }
}

async function findByIdempotencyKey(db: Writer, owner: string, key: string): Promise<Run | undefined> {
  const row = await db
    .selectFrom("run")
    .selectAll()
    .where("owner", "=", owner)
    .where("idempotency_key", "=", key)
    .executeTakeFirst();
  return row === undefined ? undefined : runOfRow(row);
}

export async function saveRun(db: Writer, run: Run, events: readonly NewRunEvent[], now: Date): Promise<void> {
  const saved = await db
    .updateTable("run")
    .set(changingColumns(run))
    .where("id", "=", run.id)
    .where("version", "=", run.version - 1)
    .returning("key")
    .executeTakeFirst();
  if (saved === undefined)
    throw (await findKeyAndState(db, run.id)) === undefined ? runNotFound(run.id) : versionConflict(run.id);
  await insertEvents(db, saved.key, events, now);
}

export async function saveCredentials(db: Writer, id: string, sealed: string): Promise<void> {
  const found = await findKeyAndState(db, id);
  if (found === undefined) throw runNotFound(id);
  const row = { run_key: found.key, sealed };
  await db
    .insertInto("run_credentials")
    .values(row)
    .onConflict((conflict) => conflict.column("run_key").doUpdateSet({ sealed }))
    .execute();
}

/** False when there is no such run. Its name, events and credentials go with it (triggers, foreign keys). */
export async function deleteRun(db: Writer, id: string, version?: number): Promise<boolean> {
  const found = await findKeyAndState(db, id);
  if (found === undefined) return false;
  if (!isTerminal(found.state)) throw runNotEnded(id, found.state);
  if (version !== undefined && found.version !== version) throw versionConflict(id);
  await db.deleteFrom("run").where("key", "=", found.key).execute();
  return true;
}

async function findKeyAndState(
  db: Writer,
  id: string,
): Promise<{ key: number; state: RunState; version: number } | undefined> {
  const row = await db.selectFrom("run").select(["key", "state", "version"]).where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : { ...row, state: row.state as RunState };
}

async function insertEvents(db: Writer, runKey: number, events: readonly NewRunEvent[], now: Date): Promise<void> {
  for (const { type, message } of events) {
    const last = sql`(select coalesce(max(sequence), 0) from run_event where run_key = ${runKey})`;
    await db
      .insertInto("run_event")
      .values({ run_key: runKey, sequence: sql<number>`${last} + 1`, at: now.getTime(), type, message })
      .execute();
  }
}
