import { sql } from "kysely";
import type { Kysely } from "kysely";

const STATEMENTS: readonly string[] = [
  // `last` is null where the latest value is NaN, which SQLite does not know; min and max where no value was finite.
  `create table run_metric (
    run_key integer not null references run (key) on delete cascade,
    key text not null,
    count integer not null,
    min real,
    max real,
    last real,
    last_step real not null,
    last_at integer not null,
    primary key (run_key, key)
  ) strict, without rowid`,
  // Each holds all that a page in its order reads.
  "create index run_metric_last on run_metric (key, last, run_key)",
  "create index run_metric_min on run_metric (key, min, run_key)",
  "create index run_metric_max on run_metric (key, max, run_key)",
];

export async function metrics(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
