import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sql } from "kysely";
import type { Migration } from "kysely/migration";
import { expect, test } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { sampleRun } from "../conformance/sample-runs.ts";
import { migrations } from "../migrations/migrations.ts";
import { openSqliteStore } from "./open.ts";

async function makePlace() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-open-"));
  const path = join(folder, "trainyard.db");
  const open = (steps: Readonly<Record<string, Migration>> = migrations) =>
    openSqliteStore({ path, clock: systemClock, migrations: steps });
  return { folder, path, open, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

const ADD_COLUMN: Migration = {
  up: async (db) => {
    await sql`alter table run add column priority integer not null default 0`.execute(db);
  },
};

const BREAK: Migration = {
  up: async (db) => {
    await sql`create table half_way (n integer) strict`.execute(db);
    await sql`insert into no_such_table values (1)`.execute(db);
  },
};

function look(path: string, query: string): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}

const RELEASED = Object.keys(migrations).map((name) => ({ name }));

test("the database and its side files are for the server's user alone, also when they were not before", async () => {
  await using place = await makePlace();
  await (await place.open()).close();
  await chmod(place.path, 0o644);
  const store = await place.open();
  await store.insertRun({ run: sampleRun(), sealedCredentials: "", idempotencyKey: null });
  const files = (await readdir(place.folder)).toSorted();
  expect(files).toEqual(["trainyard.db", "trainyard.db-shm", "trainyard.db-wal"]);
  for (const file of files) expect((await stat(join(place.folder, file))).mode & 0o777, file).toBe(0o600);
  await store.close();
});

test("commits are synced: write-ahead log and full synchronous", async () => {
  await using place = await makePlace();
  const store = await place.open();
  expect(look(place.path, "pragma journal_mode")).toEqual([{ journal_mode: "wal" }]);
  await store.close();
});

test("an older database gets the missing steps and keeps its runs", async () => {
  await using place = await makePlace();
  const old = await place.open();
  const run = sampleRun();
  await old.insertRun({ run, sealedCredentials: "", idempotencyKey: null });
  await old.close();
  const store = await place.open({ ...migrations, "9002-add-column": ADD_COLUMN });
  expect(await store.findRun(run.id)).toEqual(run);
  await store.close();
  expect(look(place.path, "select name from migration order by name")).toEqual([
    ...RELEASED,
    { name: "9002-add-column" },
  ]);
});

test("a step that fails undoes all steps of that start, and the old program still opens the database", async () => {
  await using place = await makePlace();
  await (await place.open()).close();
  const steps = { ...migrations, "9002-add-column": ADD_COLUMN, "9003-break": BREAK };
  await expect(place.open(steps)).rejects.toThrow(/no_such_table/);
  expect(look(place.path, "select name from migration")).toEqual(RELEASED);
  expect(look(place.path, "select 1 from sqlite_schema where name = 'half_way'")).toEqual([]);
  expect(look(place.path, "select 1 from pragma_table_info('run') where name = 'priority'")).toEqual([]);
  await (await place.open()).close();
});

test("a database of a newer program is refused and left as it is", async () => {
  await using place = await makePlace();
  await (await place.open({ ...migrations, "9002-add-column": ADD_COLUMN })).close();
  await expect(place.open()).rejects.toMatchObject({
    code: "database_unusable",
    message: `The database '${place.path}' cannot be used: it was written by a newer version of Trainyard (it has 9002-add-column).`,
  });
  await (await place.open({ ...migrations, "9002-add-column": ADD_COLUMN })).close();
});

test("a file that is no database is refused by its name and not touched", async () => {
  await using place = await makePlace();
  const text = "This is a letter and no database at all.\n".repeat(50);
  await writeFile(place.path, text);
  await expect(place.open()).rejects.toMatchObject({
    code: "database_unusable",
    message: expect.stringContaining("file is not a database"),
  });
  expect((await stat(place.path)).size).toBe(text.length);
});

test("a folder that is not there is told as such", async () => {
  await using place = await makePlace();
  const path = join(place.folder, "missing", "trainyard.db");
  await expect(openSqliteStore({ path, clock: systemClock })).rejects.toThrow(/ENOENT.*missing/);
});
