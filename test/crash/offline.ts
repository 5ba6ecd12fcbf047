import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../src/base/clock.ts";
import { migrations } from "../../src/store/migrations/migrations.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** The run's life is so many days further back. Only while no server lives. */
export async function ageRun(home: string, id: string, days: number): Promise<void> {
  using database = new DatabaseSync(join(home, "trainyard.db"));
  const moved = ["submitted_at", "started_at", "ended_at", "changed_at", "deleted_at"].map(
    (column) => `${column} = ${column} - @by`,
  );
  database.prepare(`update run set ${moved.join(", ")} where id = @id`).run({ by: days * DAY_MS, id });
}

/** Rewrites the home's database as a program would have left it that knew only these migrations. Only while no server lives. */
export async function toSchema(home: string, known: readonly string[]): Promise<void> {
  const path = join(home, "trainyard.db");
  const old = `${path}.old`;
  const chosen = Object.fromEntries(Object.entries(migrations).filter(([name]) => known.includes(name)));
  await (await openSqliteStore({ path: old, clock: systemClock, migrations: chosen })).close();
  {
    using database = new DatabaseSync(old);
    database.exec(`pragma foreign_keys = off; attach '${path}' as newer`);
    for (const table of sharedTables(database)) {
      const columns = columnsOf(database, "main", table).filter((column) =>
        columnsOf(database, "newer", table).includes(column),
      );
      database.exec(
        `insert into main.${table} (${columns.join(", ")}) select ${columns.join(", ")} from newer.${table}`,
      );
    }
    database.exec("insert into main.run_name (rowid, name) select rowid, name from newer.run_name");
    if (!hasTable(database, "main", "definition")) await writeDefinitions(database, home);
    database.exec("detach newer; pragma wal_checkpoint(truncate)");
  }
  for (const suffix of ["", "-wal", "-shm"]) await rm(path + suffix, { force: true });
  await rename(old, path);
  for (const suffix of ["-wal", "-shm"]) await rm(old + suffix, { force: true });
}

/** Programs before 0005 had every model definition in a file. */
async function writeDefinitions(database: DatabaseSync, home: string): Promise<void> {
  for (const { sha256, zip } of database.prepare("select sha256, zip from newer.definition").all()) {
    await writeFile(join(home, "definitions", `${String(sha256)}.zip`), zip as Uint8Array);
  }
}

/** Those that hold what was written, and not what triggers and migrations keep for themselves. */
function sharedTables(database: DatabaseSync): string[] {
  const rows = database.prepare("select name from main.sqlite_schema where type = 'table'").all();
  const names = rows
    .map(({ name }) => String(name))
    .filter((name) => !/^(?:sqlite_|migration|run_name|run_count)/.test(name));
  return names.filter((name) => hasTable(database, "newer", name));
}

function hasTable(database: DatabaseSync, schema: string, name: string): boolean {
  return (
    database.prepare(`select 1 from ${schema}.sqlite_schema where type = 'table' and name = ?`).get(name) !== undefined
  );
}

function columnsOf(database: DatabaseSync, schema: string, table: string): string[] {
  const rows = database.prepare(`select name from pragma_table_info('${table}', '${schema}')`).all();
  return rows.map(({ name }) => String(name));
}
