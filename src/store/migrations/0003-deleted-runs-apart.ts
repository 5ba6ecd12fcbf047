import { sql } from "kysely";
import type { Kysely } from "kysely";

/**
 * Runs that are deleted but can still be taken back are in no list and no count. Each list walks an index that holds
 * only its own runs, so that thousands of deleted ones do not slow the page of those that are left; `deleted_at` stands in each, for SQLite
 * would else read the row to look at it.
 */
const STATEMENTS: readonly string[] = [
  "drop index run_state",
  "create index run_state on run (state, key, deleted_at) where deleted_at is null",
  "create index run_listed on run (key, deleted_at) where deleted_at is null",
  "create index run_deleted_state on run (state, key, deleted_at) where deleted_at is not null",
  "create index run_deleted_listed on run (key, deleted_at) where deleted_at is not null",

  "drop trigger run_count_insert",
  `create trigger run_count_insert after insert on run when new.deleted_at is null begin
    insert into run_count values (new.state, 1) on conflict (state) do update set runs = runs + 1;
  end`,
  "drop trigger run_count_update",
  `create trigger run_count_update after update of state, deleted_at on run
    when new.state <> old.state or (new.deleted_at is null) <> (old.deleted_at is null)
  begin
    update run_count set runs = runs - 1 where state = old.state and old.deleted_at is null;
    insert into run_count select new.state, 1 where new.deleted_at is null
      on conflict (state) do update set runs = runs + 1;
  end`,
  "drop trigger run_count_delete",
  `create trigger run_count_delete after delete on run when old.deleted_at is null begin
    update run_count set runs = runs - 1 where state = old.state;
  end`,
];

export async function deletedRunsApart(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
