import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import { expect, test } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { amend } from "../../domain/run.ts";
import { sampleRun, second } from "../conformance/sample-runs.ts";
import { migrations } from "../migrations/migrations.ts";
import type { NewRun, RunQuery } from "../store.ts";
import { NodeSqliteDialect } from "./driver.ts";
import { migrate } from "./migrate.ts";
import { pageQuery } from "./run-pages.ts";
import { SqliteStore } from "./sqlite-store.ts";
import type { Tables } from "./tables.ts";

/** A store whose connection the test holds too, and so can make it fail. */
async function makeStore() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-sqlite-"));
  const path = join(folder, "trainyard.db");
  const database = new DatabaseSync(path, { timeout: 0 });
  database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on");
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(database) });
  await migrate(db, path, migrations);
  const store = new SqliteStore(db, path, systemClock);
  return {
    path,
    database,
    db,
    store,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

function newEntry(name = "a run"): NewRun {
  return { run: sampleRun({ name }), sealedCredentials: "", idempotencyKey: null };
}

/** How many transactions the write-ahead log holds: the frames that say how large the database is after them. */
async function countCommits(path: string): Promise<number> {
  const log = await readFile(`${path}-wal`);
  const frameBytes = 24 + log.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frameBytes <= log.length; at += frameBytes) if (log.readUInt32BE(at + 4) !== 0) commits += 1;
  return commits;
}

test("a hundred submissions at the same moment share one commit", async () => {
  await using bundle = await makeStore();
  const before = await countCommits(bundle.path);
  const answers = await Promise.all(Array.from({ length: 100 }, () => bundle.store.insertRun(newEntry())));
  expect(answers.every(({ created }) => created)).toBe(true);
  expect((await countCommits(bundle.path)) - before).toBe(1);
});

test("a full disk refuses writes with disk_full, leaves reads alone, and is over when there is room", async () => {
  await using bundle = await makeStore();
  const { store, database } = bundle;
  const first = newEntry();
  await store.insertRun(first);
  const pages = database.prepare("pragma page_count").get() as { page_count: number };
  database.exec(`pragma max_page_count = ${pages.page_count}`);

  const large = () => newEntry("x".repeat(20_000));
  await expect(store.insertRun(large())).rejects.toMatchObject({
    kind: "unavailable",
    code: "disk_full",
    message: expect.stringContaining(bundle.path),
  });
  const together = await Promise.allSettled([
    store.insertRun(large()),
    store.insertRun(large()),
    store.insertRun(large()),
  ]);
  expect(together.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  for (const outcome of together) expect(outcome).toMatchObject({ reason: { code: "disk_full" } });
  expect(await store.findRun(first.run.id)).toEqual(first.run);
  expect((await store.countRuns()).pending).toBe(1);

  database.exec("pragma max_page_count = 1000000");
  const later = large();
  await store.insertRun(later);
  expect((await store.countRuns()).pending).toBe(2);
});

test("a small write that shares its commit with one that finds the disk full is lost or kept, but never half told", async () => {
  await using bundle = await makeStore();
  const { store, database } = bundle;
  const { run } = newEntry();
  await store.insertRun({ run, sealedCredentials: "", idempotencyKey: null });
  const pages = database.prepare("pragma page_count").get() as { page_count: number };
  database.exec(`pragma max_page_count = ${pages.page_count}`);
  const changed = amend(run, second(1), { environment: "small" });
  const [save, insert] = await Promise.allSettled([
    store.saveRun(changed, []),
    store.insertRun(newEntry("x".repeat(20_000))),
  ]);
  expect(insert).toMatchObject({ status: "rejected", reason: { code: "disk_full" } });
  expect(await store.findRun(run.id)).toEqual(save.status === "fulfilled" ? changed : run);
});

test("a database that another program has locked is store_busy, and free again afterwards", async () => {
  await using bundle = await makeStore();
  const other = new DatabaseSync(bundle.path);
  other.exec("begin immediate");
  await expect(bundle.store.insertRun(newEntry())).rejects.toMatchObject({ kind: "unavailable", code: "store_busy" });
  expect((await bundle.store.countRuns()).pending).toBe(0);
  other.exec("rollback");
  other.close();
  await bundle.store.insertRun(newEntry());
  expect((await bundle.store.countRuns()).pending).toBe(1);
});

const ALL: RunQuery = { states: [], name: null, idPrefix: null, limit: 100, cursor: null };

test.each<[string, Partial<RunQuery>, RegExp]>([
  ["everything", {}, /SEARCH run USING COVERING INDEX run_listed \(key<\?\)/],
  ["deleted runs", { deleted: true }, /SEARCH run USING COVERING INDEX run_deleted_listed \(key<\?\)/],
  [
    "deleted runs in one state",
    { deleted: true, states: ["failed"] },
    /SEARCH run USING COVERING INDEX run_deleted_state \(state=\? AND key<\?\)/,
  ],
  ["one state", { states: ["failed"] }, /SEARCH run USING COVERING INDEX run_state \(state=\? AND key<\?\)/],
  ["several states", { states: ["failed", "completed"] }, /MERGE \(UNION ALL\)/],
  ["a part of the name", { name: "mnist" }, /SCAN run_name VIRTUAL TABLE INDEX \d+:M/],
  [
    "runs in the order of a metric",
    { sort: { key: "loss", of: "min", order: "ascending" } },
    /SEARCH m USING COVERING INDEX run_metric_min \(key=\? AND min>\?\)/,
  ],
  ["the beginning of the id", { idPrefix: "training-ab" }, /SEARCH run USING COVERING INDEX run_id/],
])("a page of %s walks an index and neither reads nor sorts the table", async (_what, query, walk) => {
  await using bundle = await makeStore();
  const { sql, parameters } = pageQuery({ ...ALL, ...query }, 101).compile(bundle.db);
  const plan = bundle.database.prepare(`explain query plan ${sql}`).all(...(parameters as string[]));
  const steps = plan.map((row) => String(row["detail"]));
  expect(steps.join("\n")).toMatch(walk);
  expect(steps.filter((step) => /^SCAN (?:run|other)\b(?!_)/.test(step))).toEqual([]);
  // Ids have no order of time, so those few that begin alike are sorted.
  const sorted = steps.filter((step) => step.includes("TEMP B-TREE"));
  expect(sorted).toHaveLength(query.idPrefix === undefined ? 0 : 1);
});

test.each([
  ["runs that have not ended", "select * from run where ended_at is null order by key", /run_unended/],
  [
    "runs that ended before a time",
    "select id from run where ended_at < 5 order by ended_at, key limit 9",
    /run_ended/,
  ],
  [
    "runs that were deleted before a time",
    "select id from run where deleted_at < 5 order by deleted_at, key limit 9 offset 3",
    /run_deleted/,
  ],
  ["whether a definition is used", "select 1 from run where definition_sha256 = 'a' limit 1", /run_definition/],
])("%s come from an index of their own", async (_what, query, index) => {
  await using bundle = await makeStore();
  const steps = bundle.database.prepare(`explain query plan ${query}`).all();
  expect(steps.map((row) => row["detail"])).toEqual([expect.stringMatching(index)]);
});
