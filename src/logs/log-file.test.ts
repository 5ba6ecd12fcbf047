import { execFileSync } from "node:child_process";
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openLog, waitForGrowth } from "./log-file.ts";
import { SecretMask } from "./secret-mask.ts";
import { readTail } from "./served-log.ts";

async function makeFolder() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-log-"));
  return {
    folder,
    path: join(folder, "training-log.txt"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const whole = (path: string) => ({ path, mask: new SecretMask([]), isComplete: true });
const deadline = (): AbortSignal => AbortSignal.timeout(10_000);

test("a snapshot streams a range and never what came after it was taken", async () => {
  await using bundle = await makeFolder();
  await writeFile(bundle.path, "0123456789");
  await using log = await openLog(bundle.path);
  await appendFile(bundle.path, "late");
  expect(log.sizeBytes).toBe(10);
  const stream = log.stream(3, 99);
  expect(stream === null ? "" : await text(stream)).toBe("3456789");
});

test("a log that is not there yet is empty", async () => {
  await using bundle = await makeFolder();
  await using log = await openLog(bundle.path);
  expect([log.sizeBytes, log.stream(0, 10)]).toEqual([0, null]);
  expect(await readTail(whole(bundle.path), 10, 1000)).toEqual([]);
});

test("a link or a pipe in the log's place is not read", async () => {
  await using bundle = await makeFolder();
  const secret = join(bundle.folder, "secret");
  await writeFile(secret, "secret\n");
  await symlink(secret, bundle.path);
  const pipe = join(bundle.folder, "pipe");
  execFileSync("sh", ["-c", 'mkfifo "$0"', pipe]);
  for (const path of [bundle.path, pipe]) {
    await using log = await openLog(path);
    expect(log.sizeBytes).toBe(0);
    expect(await readTail(whole(path), 10, 1000)).toEqual([]);
  }
});

test("waiting ends at once when the file is already longer", async () => {
  await using bundle = await makeFolder();
  await writeFile(bundle.path, "abc");
  expect(await waitForGrowth(bundle.path, 2, deadline())).toBe(3);
});

test("waiting ends when the file appears and grows, and not before", async () => {
  await using bundle = await makeFolder();
  const grown = waitForGrowth(bundle.path, 5, deadline());
  await writeFile(bundle.path, "12345");
  await writeFile(join(bundle.folder, "other"), "irrelevant");
  await appendFile(bundle.path, "6");
  expect(await grown).toBe(6);
});

test("waiting works in a folder that is made later", async () => {
  await using bundle = await makeFolder();
  const folder = join(bundle.folder, "learner-1");
  const grown = waitForGrowth(join(folder, "training-log.txt"), 0, deadline());
  await mkdir(folder);
  await writeFile(join(folder, "training-log.txt"), "a");
  expect(await grown).toBe(1);
});

test("waiting rejects with the signal's reason when aborted", async () => {
  await using bundle = await makeFolder();
  const abort = new AbortController();
  const grown = waitForGrowth(bundle.path, 0, abort.signal);
  abort.abort(new Error("enough"));
  await expect(grown).rejects.toThrow("enough");
});

test("the tail is the last lines, with a progress bar as it looked last", async () => {
  await using bundle = await makeFolder();
  await writeFile(bundle.path, "one\ntwo\r\n10 %\r50 %\r100 %\nlast without newline");
  expect(await readTail(whole(bundle.path), 3, 1000)).toEqual(["two", "100 %", "last without newline"]);
});

test("the tail of a long line is cut at a character", async () => {
  await using bundle = await makeFolder();
  await writeFile(bundle.path, "€".repeat(100));
  expect(await readTail(whole(bundle.path), 3, 10)).toEqual(["€€€"]);
});

test("for any text, a tail with room enough is its last lines", async () => {
  await using bundle = await makeFolder();
  const line = fc.string({ unit: "grapheme" }).map((value) => value.replaceAll(/[\r\n]/g, ""));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1 }), fc.nat(20), async (lines, count) => {
      await writeFile(bundle.path, `${lines.join("\n")}\n`);
      expect(await readTail(whole(bundle.path), count + 1, 100_000)).toEqual(lines.slice(-count - 1));
    }),
    { numRuns: 50 },
  );
});
