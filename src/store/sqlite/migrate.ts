import { sql } from "kysely";
import type { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import type { Migration } from "kysely/migration";
import { databaseUnusable } from "../../domain/errors.ts";
import type { Tables } from "./tables.ts";

const MIGRATION_TABLE = "migration";

/**
 * Brings the database to this program's schema: all steps in one transaction, so that a kill in the middle leaves
 * the old schema whole. A database that a newer program wrote is refused, for what it holds could be misread.
 */
export async function migrate(
  db: Kysely<Tables>,
  path: string,
  migrations: Readonly<Record<string, Migration>>,
): Promise<void> {
  const applied = await appliedMigrations(db);
  const unknown = applied.filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0) {
    throw databaseUnusable(
      path,
      `it was written by a newer version of Trainyard (it has ${unknown.join(", ")})`,
      "Start the newer version again, or restore a backup from before the upgrade.",
    );
  }
  if (applied.length === Object.keys(migrations).length) return;
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: MIGRATION_TABLE,
    migrationLockTableName: `${MIGRATION_TABLE}_lock`,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function appliedMigrations(db: Kysely<Tables>): Promise<readonly string[]> {
  const table = await sql`select 1 from sqlite_schema where type = 'table' and name = ${MIGRATION_TABLE}`.execute(db);
  if (table.rows.length === 0) return [];
  const names = await sql<{ name: string }>`select name from ${sql.table(MIGRATION_TABLE)} order by name`.execute(db);
  return names.rows.map((row) => row.name);
}
