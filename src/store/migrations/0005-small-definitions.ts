import { sql } from "kysely";
import type { Kysely } from "kysely";

const STATEMENTS: readonly string[] = [
  "create table definition (sha256 text primary key, zip blob not null) strict",
  // Together with the last run that has it, in the same commit: nothing is ever left to sweep up.
  `create trigger run_definition_delete after delete on run begin
    delete from definition where sha256 = old.definition_sha256
      and not exists (select 1 from run where definition_sha256 = old.definition_sha256);
  end`,
];

export async function smallDefinitions(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
