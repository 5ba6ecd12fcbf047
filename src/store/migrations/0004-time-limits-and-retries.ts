import { sql } from "kysely";
import type { Kysely } from "kysely";

const STATEMENTS: readonly string[] = [
  // Of runs from before: not known, so the machine as it is then decides.
  "alter table run add column device_kind text",
  "alter table run add column started_on_boot_json text",
  "alter table run add column limit_reached_json text",
  "alter table run add column not_before integer",
];

export async function timeLimitsAndRetries(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
