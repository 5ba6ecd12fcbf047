import { sql } from "kysely";
import type { Kysely } from "kysely";

const STATEMENTS: readonly string[] = [
  `create table run (
    key integer primary key autoincrement,
    id text not null,
    owner text not null,
    idempotency_key text,
    spec_json text not null,
    definition_sha256 text not null,
    definition_size_bytes integer not null,
    submitted_at integer not null,
    state text not null,
    attempt integer not null,
    version integer not null,
    started_at integer,
    ended_at integer,
    changed_at integer not null,
    stop_requested_at integer,
    stop_grace_ms integer,
    environment text,
    devices_json text not null,
    handles_json text not null,
    outcome_json text,
    failure_json text,
    results_json text,
    warnings_json text not null
  ) strict`,
  "create unique index run_id on run (id)",
  "create unique index run_idempotency on run (owner, idempotency_key) where idempotency_key is not null",
  "create index run_state on run (state, key)",
  "create index run_unended on run (key) where ended_at is null",
  "create index run_ended on run (ended_at, key) where ended_at is not null",
  "create index run_definition on run (definition_sha256)",

  // Every three letters in a row of every name in lower case, so that a part of a name is found without reading all.
  "create virtual table run_name using fts5 (name, tokenize = 'trigram case_sensitive 1')",
  "create trigger run_name_delete after delete on run begin delete from run_name where rowid = old.key; end",

  "create table run_count (state text primary key, runs integer not null) strict, without rowid",
  `create trigger run_count_insert after insert on run begin
    insert into run_count values (new.state, 1) on conflict (state) do update set runs = runs + 1;
  end`,
  `create trigger run_count_update after update of state on run when new.state <> old.state begin
    update run_count set runs = runs - 1 where state = old.state;
    insert into run_count values (new.state, 1) on conflict (state) do update set runs = runs + 1;
  end`,
  `create trigger run_count_delete after delete on run begin
    update run_count set runs = runs - 1 where state = old.state;
  end`,

  `create table run_credentials (
    run_key integer primary key references run (key) on delete cascade,
    sealed text not null
  ) strict`,
  `create table run_event (
    run_key integer not null references run (key) on delete cascade,
    sequence integer not null,
    at integer not null,
    type text not null,
    message text not null,
    primary key (run_key, sequence)
  ) strict, without rowid`,
  `create table token (
    sha256 text primary key,
    account text not null,
    name text not null,
    created_at integer not null
  ) strict, without rowid`,
  "create unique index token_name on token (account, name)",
];

export async function initial(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
