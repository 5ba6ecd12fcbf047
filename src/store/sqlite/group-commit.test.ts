import { DatabaseSync } from "node:sqlite";
import { Kysely, sql } from "kysely";
import type { Transaction } from "kysely";
import { expect, test } from "vitest";
import { migrations } from "../migrations/migrations.ts";
import { NodeSqliteDialect } from "./driver.ts";
import { GroupCommit } from "./group-commit.ts";
import { migrate } from "./migrate.ts";
import type { Tables } from "./tables.ts";

async function makeCommits() {
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(new DatabaseSync(":memory:")) });
  await migrate(db, ":memory:", migrations);
  const names = async () =>
    (await db.selectFrom("token").select("name").orderBy("name").execute()).map((row) => row.name);
  return { commits: new GroupCommit(db), names, [Symbol.asyncDispose]: () => db.destroy() };
}

async function note(db: Transaction<Tables>, name: string): Promise<string> {
  await db.insertInto("token").values({ sha256: name, account: "a", name, created_at: 0 }).execute();
  return name;
}

test("each write of a group gets its own answer", async () => {
  await using bundle = await makeCommits();
  const names = ["a", "b", "c"];
  expect(await Promise.all(names.map((name) => bundle.commits.write((db) => note(db, name))))).toEqual(names);
  expect(await bundle.names()).toEqual(names);
});

test("a write that throws is undone with all it did, alone and in a group", async () => {
  await using bundle = await makeCommits();
  const { commits } = bundle;
  const failing = async (db: Transaction<Tables>) => {
    await note(db, "never");
    throw new Error("changed my mind");
  };
  await expect(commits.write(failing)).rejects.toThrow("changed my mind");
  const group = await Promise.allSettled([
    commits.write((db) => note(db, "before")),
    commits.write(failing),
    commits.write((db) => note(db, "after")),
  ]);
  expect(group).toMatchObject([{ value: "before" }, { reason: { message: "changed my mind" } }, { value: "after" }]);
  expect(await bundle.names()).toEqual(["after", "before"]);
});

test("when SQLite gives the whole transaction up, all writes of the group hear why and the next ones work", async () => {
  await using bundle = await makeCommits();
  const { commits } = bundle;
  const fatal = async (db: Transaction<Tables>) => {
    await sql`rollback`.execute(db);
    throw new Error("the disk is gone");
  };
  await expect(commits.write(fatal)).rejects.toThrow("the disk is gone");
  const group = await Promise.allSettled([
    commits.write((db) => note(db, "before")),
    commits.write(fatal),
    commits.write((db) => note(db, "after")),
  ]);
  for (const outcome of group) expect(outcome).toMatchObject({ reason: { message: "the disk is gone" } });
  expect(await bundle.names()).toEqual([]);
  expect(await commits.write((db) => note(db, "later"))).toBe("later");
});

test("settled waits for the writes that wait behind others too", async () => {
  await using bundle = await makeCommits();
  const { commits } = bundle;
  const done: string[] = [];
  for (let i = 0; i < 600; i += 1) void commits.write((db) => note(db, `${i}`)).then((name) => done.push(name));
  await commits.settled();
  expect(done).toHaveLength(600);
  await commits.settled();
});
