import { sql } from "kysely";
import type { Kysely } from "kysely";

const STATEMENTS: readonly string[] = [
  "alter table run add column past_attempts_json text not null default '[]'",
  "alter table run add column staged_json text",
  "alter table run add column deleted_at integer",
  "create index run_deleted on run (deleted_at, key) where deleted_at is not null",
];

export async function attemptsAndDeletion(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
