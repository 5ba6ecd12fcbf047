import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { versionConflict } from "../../domain/errors.ts";
import { isBusy, translateSqliteError } from "./sqlite-trouble.ts";

async function makeDatabase() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-trouble-"));
  const path = join(folder, "some.db");
  const database = new DatabaseSync(path, { timeout: 0 });
  database.exec("create table note (text text)");
  for (let i = 0; i < 200; i += 1) database.exec(`insert into note values (hex(randomblob(500)))`);
  const dispose = async () => {
    if (database.isOpen) database.close();
    await rm(folder, { recursive: true });
  };
  return { path, database, [Symbol.asyncDispose]: dispose };
}

function errorOf(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("a database that may not be written is disk_failing, in SQLite's words", async () => {
  await using bundle = await makeDatabase();
  bundle.database.exec("pragma query_only = on");
  const error = errorOf(() => bundle.database.exec("delete from note"));
  expect(translateSqliteError(error, bundle.path)).toMatchObject({
    kind: "unavailable",
    code: "disk_failing",
    message: `The disk could not be used for the database '${bundle.path}': attempt to write a readonly database.`,
    cause: error,
  });
});

test("a broken database is database_unusable", async () => {
  await using bundle = await makeDatabase();
  bundle.database.close();
  {
    await using file = await open(bundle.path, "r+");
    await file.write(Buffer.alloc(40_000, 0xff), 0, 40_000, 8192);
  }
  const database = new DatabaseSync(bundle.path);
  const error = errorOf(() => database.prepare("select sum(length(text)) from note").all());
  expect(translateSqliteError(error, bundle.path)).toMatchObject({ kind: "internal", code: "database_unusable" });
  database.close();
});

test("a lock that another connection holds is busy and store_busy", async () => {
  await using bundle = await makeDatabase();
  const other = new DatabaseSync(bundle.path, { timeout: 0 });
  other.exec("begin exclusive");
  const error = errorOf(() => bundle.database.exec("delete from note"));
  other.close();
  expect(isBusy(error)).toBe(true);
  expect(translateSqliteError(error, bundle.path)).toMatchObject({ code: "store_busy", cause: error });
});

test("our own errors and mistakes in a query stay what they are", async () => {
  await using bundle = await makeDatabase();
  const conflict = versionConflict("training-1");
  expect(translateSqliteError(conflict, bundle.path)).toBe(conflict);
  const mistake = errorOf(() => bundle.database.exec("selec"));
  expect(translateSqliteError(mistake, bundle.path)).toBe(mistake);
  expect(isBusy(mistake)).toBe(false);
});
