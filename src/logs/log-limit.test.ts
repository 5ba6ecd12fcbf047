import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { guardWorld } from "../base/world.ts";
import { droppedLine, readDropped, writeDropped } from "./dropped-part.ts";
import { copyServed, finishLog } from "./finish-log.ts";
import { LogLimit } from "./log-limit.ts";
import { SecretMask } from "./secret-mask.ts";
import { openServedLog, tailStart } from "./served-log.ts";

const MEBIBYTE = 1_048_576;
const NO_SECRETS = new SecretMask([]);

async function makeLog() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-limit-"));
  const path = join(folder, "training-log.txt");
  await writeFile(path, "");
  let lines = 0;
  return {
    folder,
    path,
    /** Numbered lines of 16 bytes each. */
    append: (bytes: number) => {
      const end = lines + bytes / 16;
      let text = "";
      for (; lines < end; lines += 1) text += `${String(lines).padStart(15, "0")}\n`;
      appendFileSync(path, text);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** All that a reader gets from an offset on. */
async function read(path: string, mask = NO_SECRETS, from = 0): Promise<string> {
  await using log = await openServedLog({ path, mask, isComplete: true });
  let text = "";
  for (let at = from; ;) {
    const piece = await log.read(at, 100_000);
    if (piece === null) return text;
    text += piece.bytes.toString();
    at = piece.next;
  }
}

const lineAt = (offset: number): string => `${String(offset / 16).padStart(15, "0")}\n`;

test("a flooded log stays within its limit, and its beginning, its end and every offset stay true", async () => {
  await using bundle = await makeLog();
  const { path } = bundle;
  const limit = new LogLimit(path, MEBIBYTE);
  for (let round = 0; round < 20; round += 1) {
    bundle.append(MEBIBYTE / 2);
    const { keptBytes, trouble } = await limit.look();
    expect(trouble).toBeNull();
    expect(keptBytes).toBeLessThanOrEqual(MEBIBYTE);
    expect(statSync(path).blocks * 512).toBeLessThanOrEqual(MEBIBYTE + limit.sliceBytes);
  }
  const dropped = readDropped(path);
  if (dropped === null) throw new Error("Nothing was dropped.");
  const { from, to } = dropped;
  const seen = await read(path);
  const line = droppedLine(to - from).toString();
  expect(seen.slice(0, from)).toBe(readFileSync(path, "latin1").slice(0, from));
  expect(seen.slice(from, from + line.length)).toBe(line);
  expect(seen.slice(from + line.length, from + line.length + 16)).toBe(lineAt(to));
  expect(seen.endsWith(lineAt(10 * MEBIBYTE - 16))).toBe(true);
  expect(seen).not.toContain("\0");
});

test("a reader in the middle of what is dropped is told how much of it is gone for him", async () => {
  await using bundle = await makeLog();
  bundle.append(4 * MEBIBYTE);
  await new LogLimit(bundle.path, MEBIBYTE).look();
  const { to } = readDropped(bundle.path) as { to: number };
  expect((await read(bundle.path, NO_SECRETS, to - 1000)).startsWith(droppedLine(1000).toString())).toBe(true);
  await using log = await openServedLog({ path: bundle.path, mask: NO_SECRETS, isComplete: true });
  expect(await tailStart(log, 2, MEBIBYTE)).toBe(4 * MEBIBYTE - 32);
  expect(await tailStart(log, 1_000_000, 8 * MEBIBYTE)).toBe(to);
});

test("an ended log becomes as short as what is left of it, and reads as before", async () => {
  await using bundle = await makeLog();
  const { path } = bundle;
  bundle.append(4 * MEBIBYTE);
  await new LogLimit(path, MEBIBYTE).look();
  const before = await read(path);
  const { to } = readDropped(path) as { to: number };
  const late = await read(path, NO_SECRETS, to + 48);
  await finishLog(path, NO_SECRETS);
  expect(await readFile(path, "utf8")).toBe(before);
  await finishLog(path, NO_SECRETS);
  expect(await readFile(path, "utf8")).toBe(before);
  expect(await read(path)).toBe(before);
  expect(await read(path, NO_SECRETS, to + 48)).toBe(late);
});

test("wherever the server dies while it drops or finishes, the next one ends up with the same", async () => {
  for (let deadly = 0, died = true; died; deadly += 1) {
    await using bundle = await makeLog();
    const { path } = bundle;
    bundle.append(2 * MEBIBYTE);
    appendFileSync(path, "hunter2-hunter2\n");
    const mask = new SecretMask(["hunter2-hunter2"]);
    let steps = 0;
    died = false;
    {
      using _ = guardWorld(() => {
        steps += 1;
        if (steps <= deadly) return undefined;
        died = true;
        throw new Error("The server died.");
      });
      await new LogLimit(path, MEBIBYTE)
        .look()
        .then(async () => finishLog(path, mask))
        .catch(() => undefined);
    }
    await new LogLimit(path, MEBIBYTE).look();
    await finishLog(path, mask);
    const text = await readFile(path, "utf8");
    expect(text).not.toMatch(/\0|hunter2/u);
    expect(text.match(/bytes of the log were dropped here/gu)).toHaveLength(1);
    expect(text.endsWith(`${lineAt(2 * MEBIBYTE - 16)}***************\n`)).toBe(true);
    expect(await read(path)).toBe(text);
  }
});

test("secrets are taken out of an ended log without moving a byte, also where windows meet", async () => {
  await using bundle = await makeLog();
  const secret = "hunter2-hunter2";
  const text = `${"x".repeat(262_140)}${secret}${"y".repeat(262_130)}${secret}\n`;
  await writeFile(bundle.path, text);
  const mask = new SecretMask([secret]);
  await finishLog(bundle.path, mask);
  expect(await readFile(bundle.path, "utf8")).toBe(text.replaceAll(secret, "*".repeat(secret.length)));
});

test("with no room for a second file the secrets are masked where they are", async () => {
  await using bundle = await makeLog();
  const text = `${"x".repeat(262_140)}hunter2-hunter2${"y".repeat(300_000)}`;
  await writeFile(bundle.path, text);
  {
    using _ = guardWorld(({ kind, subject }) => {
      if (kind === "write" && subject.endsWith(".draft")) throw new Error("ENOSPC");
      return undefined;
    });
    await finishLog(bundle.path, new SecretMask(["hunter2-hunter2"]));
  }
  expect(await readFile(bundle.path, "utf8")).toBe(text.replace("hunter2-hunter2", "***************"));
});

test("the beginning of a secret at the edge of what is dropped is not shown", async () => {
  await using bundle = await makeLog();
  await writeFile(bundle.path, `${"x".repeat(4086)}hunter2-hunter2${"y".repeat(5000)}\nend\n`);
  await writeDropped(bundle.path, { from: 4096, to: 9100, compactedAt: null });
  const text = await read(bundle.path, new SecretMask(["hunter2-hunter2"]));
  expect(text.startsWith(`${"x".repeat(4086)}**********\n[trainyard] 5004 bytes`)).toBe(true);
});

test("a program that empties its log is noticed, and what was dropped before no longer counts", async () => {
  await using bundle = await makeLog();
  const limit = new LogLimit(bundle.path, MEBIBYTE);
  bundle.append(2 * MEBIBYTE);
  await limit.look();
  truncateSync(bundle.path);
  appendFileSync(bundle.path, "after\n");
  expect(await limit.look()).toMatchObject({ emptiedBytes: 2 * MEBIBYTE, sizeBytes: 6 });
  expect(await read(bundle.path)).toBe("after\n");
});

test("where nothing can be dropped it is said once, and the log is left as it is", async () => {
  await using bundle = await makeLog();
  bundle.append(2 * MEBIBYTE);
  const before = await readFile(bundle.path, "utf8");
  const limit = new LogLimit(bundle.path, MEBIBYTE);
  {
    const { PATH } = process.env;
    process.env["PATH"] = bundle.folder;
    const { trouble } = await limit.look().finally(() => (process.env["PATH"] = PATH));
    expect(trouble).toMatch(/^'fallocate' cannot be started/u);
  }
  expect((await limit.look()).trouble).toBeNull();
  expect(await read(bundle.path)).toBe(before);
});

test("a copy of a log that grows is what readers get of it", async () => {
  await using bundle = await makeLog();
  await writeFile(bundle.path, "key hunter2-hunter2 and hunter2-");
  const copy = join(bundle.folder, "copy");
  expect(await copyServed(bundle.path, copy, new SecretMask(["hunter2-hunter2"]), false)).toBe(24);
  expect(await readFile(copy, "utf8")).toBe("key *************** and ");
});

test("whatever a program puts in the place of the record of what was dropped, nobody waits for it", async () => {
  await using log = await makeLog();
  log.append(1600);
  const record = join(log.folder, ".training-log.dropped");
  const tricks = [
    () => execFileSync("mkfifo", [record]),
    () => symlinkSync("/dev/zero", record),
    () => mkdirSync(record),
    () => writeFileSync(record, `{"from":0,"to":16,"compactedAt":null${" ".repeat(2000)}}`),
  ];
  for (const trick of tricks) {
    trick();
    expect(readDropped(log.path)).toBe(null);
    expect(await read(log.path)).toHaveLength(1600);
    await rm(record, { recursive: true });
  }
  execFileSync("mkfifo", [`${record}.draft`]);
  await writeDropped(log.path, { from: 16, to: 32, compactedAt: null });
  expect(readDropped(log.path)).toEqual({ from: 16, to: 32, compactedAt: null });
});
