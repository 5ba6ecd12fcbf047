import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { endRecord, readClaim, readEnd, recordPrefix } from "./records.ts";

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-records-"));
  return { prefix: recordPrefix(folder, 1), [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }) };
}

test("a pipe that a program has put in the place of a record keeps nobody waiting", async () => {
  await using bundle = await setUp();
  execFileSync("mkfifo", [endRecord(bundle.prefix), `${bundle.prefix}.pid`]);
  expect(readEnd(bundle.prefix)).toBeNull();
  expect(readClaim(bundle.prefix)).toBe("unfinished");
});

test("a link to what has no end, in the place of a record, is not followed", async () => {
  await using bundle = await setUp();
  await symlink("/dev/zero", endRecord(bundle.prefix));
  await symlink("/dev/zero", `${bundle.prefix}.pid`);
  expect(readEnd(bundle.prefix)).toBeNull();
  expect(readClaim(bundle.prefix)).toBe("unfinished");
});

test("an end counts once its line is complete", async () => {
  await using bundle = await setUp();
  expect(readEnd(bundle.prefix)).toBeNull();
  await writeFile(endRecord(bundle.prefix), " 3");
  expect(readEnd(bundle.prefix)).toBeNull();
  await writeFile(endRecord(bundle.prefix), "3\n");
  expect(readEnd(bundle.prefix)).toMatchObject({ exitCode: 3, outOfMemory: false });
});
