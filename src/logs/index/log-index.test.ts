import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RowFolder } from "../rows/row-folder.ts";
import type { RowState } from "../rows/terminal-row.ts";
import type { ServedLog } from "../served-log.ts";
import { IndexBuilder } from "./index-builder.ts";
import { readRows, rowOfLine, rowOfOffset, rowOfTime, totals } from "./read-rows.ts";

const ESC = "\u001B";

/** A log in memory that counts what is read of it. */
class MemoryLog implements ServedLog {
  bytes = Buffer.alloc(0);
  readBytes = 0;

  get sizeBytes(): number {
    return this.bytes.length;
  }
  get writtenBytes(): number {
    return this.bytes.length;
  }
  async read(from: number, maxBytes: number) {
    const bytes = this.bytes.subarray(from, from + maxBytes);
    this.readBytes += bytes.length;
    return bytes.length === 0 ? null : { kind: "bytes" as const, bytes, next: from + bytes.length };
  }
  droppedAt(): null {
    return null;
  }
  unbrokenEnd(): number {
    return this.bytes.length;
  }
}

async function makeBundle() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-index-"));
  return {
    base: join(folder, "index", "1-1"),
    log: new MemoryLog(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const LIVE = { isComplete: false, isFresh: true };
const ENDED = { isComplete: true, isFresh: false };

function foldAll(bytes: Buffer, isEnd: boolean): { rows: readonly RowState[]; rowsOfLines: readonly number[] } {
  const rows: RowState[] = [];
  const folder = new RowFolder(undefined, [], (row) => rows.push(row.toState()));
  const rowsOfLines: number[] = [];
  let line = 0;
  for (let i = 0; i <= bytes.length; i += 1) {
    if (folder.line > line) rowsOfLines.push(folder.cursor);
    line = folder.line;
    if (i < bytes.length) folder.push(bytes.subarray(i, i + 1));
  }
  if (isEnd) folder.end();
  return { rows: [...rows, ...folder.live().map((row) => row.toState())], rowsOfLines };
}

/** Logs with bars that are drawn again and again, long lines and broken characters. */
const part = fc.oneof(
  fc.string({ maxLength: 20 }).map((text) => `${text}\n`),
  fc.constantFrom(
    "a\r",
    "\n\n",
    "é",
    "€",
    `${ESC}[A`,
    `${ESC}[3A`,
    `${ESC}[B`,
    `${ESC}[K`,
    `${ESC}[2K`,
    `${ESC}[J`,
    `${ESC}[32m`,
    ESC,
    "😀",
  ),
  fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20 })).map(([bars, times]) => {
    const draw = (time: number): string =>
      Array.from({ length: bars }, (_, bar) => `bar ${bar} at ${time}\n`).join("") + `${ESC}[${bars}A`;
    return Array.from({ length: times }, (_, time) => draw(time)).join("") + "\n".repeat(bars);
  }),
  fc.integer({ min: 1, max: 300 }).map((length) => "x".repeat(length)),
  fc.integer({ min: 1, max: 90 }).map((count) => "line\n".repeat(count)),
);
const growth = fc.array(
  fc.oneof(
    fc.array(part, { maxLength: 20 }).map((parts) => Buffer.from(parts.join(""))),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  ),
  { maxLength: 8 },
);

test("rows through the index are those of the whole log, however it grew and whoever went on with it", async () => {
  await fc.assert(
    fc.asyncProperty(growth, fc.boolean(), fc.nat(), fc.nat(60), async (growths, isEnded, fromSeed, count) => {
      await using bundle = await makeBundle();
      const { base, log } = bundle;
      let builder = await IndexBuilder.open(base, log, 100);
      for (const [i, bytes] of growths.entries()) {
        log.bytes = Buffer.concat([log.bytes, bytes]);
        await builder.advance(log, at(i * 7), LIVE);
        if (i % 3 !== 2) continue;
        await builder[Symbol.asyncDispose]();
        builder = await IndexBuilder.open(base, log, 100);
      }
      if (isEnded) await builder.advance(log, null, ENDED);
      await using _closing = builder;
      const index = builder.file;
      const { rows, rowsOfLines } = foldAll(log.bytes, isEnded);
      const from = 1 + (fromSeed % (rows.length + 2));
      const seen = await readRows({ log, index }, from, count);
      expect(seen).toMatchObject(rows.slice(from - 1, from - 1 + count));
      expect((await totals({ log, index })).rows).toBe(rows.length);
      for (const line of [1, 2, 1 + (fromSeed % (rowsOfLines.length + 1)), rowsOfLines.length]) {
        const row = rowsOfLines[line - 1] ?? Infinity;
        expect([line, await rowOfLine({ log, index }, line)]).toEqual([line, row > rows.length ? null : row]);
      }
    }),
    { numRuns: 150 },
  );
});

test("any row of a log of a million lines costs the same small reading", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  log.bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => `step ${i + 1} loss=0.123\n`).join(""));
  await using builder = await IndexBuilder.open(base, log);
  await builder.advance(log, at(1), LIVE);
  const index = builder.file;
  for (const row of [1, 2, 499_999, 731_234, 999_990]) {
    log.readBytes = 0;
    const rows = await readRows({ log, index }, row, 10);
    expect(rows.map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, i) => `step ${row + i} loss=0.123`));
    expect(log.readBytes).toBeLessThan(4 * 65_536);
    log.readBytes = 0;
    expect(await rowOfLine({ log, index }, row)).toBe(row);
    expect(log.readBytes).toBeLessThanOrEqual(65_536);
  }
});

test("bars that are drawn for megabytes cost no more than two stretches", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  const bars = (i: number): string => `outer ${i}\ninner ${i}\n${ESC}[2A`;
  log.bytes = Buffer.from(`start\n${Array.from({ length: 200_000 }, (_, i) => bars(i)).join("")}\n\nend\n`);
  await using builder = await IndexBuilder.open(base, log);
  await builder.advance(log, at(1), LIVE);
  await builder.advance(log, null, ENDED);
  log.readBytes = 0;
  const rows = await readRows({ log, index: builder.file }, 1, 10);
  expect(rows.map(({ text }) => text)).toEqual(["start", "outer 199999", "inner 199999", "end"]);
  expect(log.readBytes).toBeLessThan(4 * 65_536);
});

test("a time leads to what was seen then, a clock that goes back to nothing wrong", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  await using builder = await IndexBuilder.open(base, log);
  for (const [second, text] of [
    [0, "one\n"],
    [20, "two\n"],
    [15, "three\n"],
    [40, "four\n"],
  ] as const) {
    log.bytes = Buffer.concat([log.bytes, Buffer.from(text)]);
    await builder.advance(log, at(second), LIVE);
  }
  const indexed = { log, index: builder.file };
  expect(await rowOfTime(indexed, at(0))).toBe(1);
  expect(await rowOfTime(indexed, at(20))).toBe(2);
  expect(await rowOfTime(indexed, at(41))).toBe(null);
  const rows = await readRows(indexed, 1, 10);
  expect(rows.map(({ text, seenAt }) => [text, seenAt])).toEqual([
    ["one", at(0)],
    ["two", at(20)],
    ["three", at(40)],
    ["four", at(40)],
  ]);
  expect(await rowOfOffset(indexed, 5)).toBe(2);
});

test("what stands behind the last entry is never taken for older than it may be", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  await using builder = await IndexBuilder.open(base, log);
  const line = (second: number): string => `second ${second}\n`;
  for (let second = 0; second < 8; second += 1) {
    log.bytes = Buffer.concat([log.bytes, Buffer.from(line(second))]);
    await builder.advance(log, at(second), LIVE);
    for (let since = 0; since <= second; since += 1) {
      // One more row than it may be: where an entry stands is known, not when the next line came.
      const row = await rowOfTime({ log, index: builder.file }, at(since));
      expect(row === null ? Infinity : row).toBeLessThanOrEqual(since + 1);
    }
  }
  await builder.advance(log, at(9), ENDED);
  expect(await rowOfTime({ log, index: builder.file }, at(9))).toBeLessThanOrEqual(8);
  expect(await rowOfTime({ log, index: builder.file }, at(10))).toBe(null);
});

test("a time is found to the second in a log that grows by some lines a second", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  await using builder = await IndexBuilder.open(base, log);
  for (let second = 0; second < 20; second += 1) {
    log.bytes = Buffer.concat([log.bytes, Buffer.from("epoch 12 of 100, loss 0.123456789\n".repeat(10))]);
    await builder.advance(log, at(second), LIVE);
  }
  const row = await rowOfTime({ log, index: builder.file }, at(12));
  expect([row, builder.file.count]).toEqual([121, 20]);
});

test("an index that was made anew says that it knows no times, and gives the same rows", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  log.bytes = Buffer.from("one\ntwo\n");
  await using builder = await IndexBuilder.open(base, log);
  await builder.advance(log, at(5), { isComplete: false, isFresh: false });
  log.bytes = Buffer.from("one\ntwo\nthree\n");
  await builder.advance(log, at(20), { isComplete: false, isFresh: false });
  const rows = await readRows({ log, index: builder.file }, 1, 10);
  expect(rows.map(({ seenAt }) => seenAt)).toEqual([null, null, at(20)]);
  expect((await totals({ log, index: builder.file })).timesFrom).toEqual(at(20));
});

test("a log that was emptied gets an index of its own", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  log.bytes = Buffer.from("first\n".repeat(100));
  await using builder = await IndexBuilder.open(base, log, 100);
  await builder.advance(log, at(0), LIVE);
  log.bytes = Buffer.from("second\n".repeat(200));
  await builder.advance(log, at(1), LIVE);
  const [row] = await readRows({ log, index: builder.file }, 150, 1);
  expect(row?.text).toBe("second");
});

test("an index that was torn at any byte is taken up or made anew", async () => {
  await using bundle = await makeBundle();
  const { base, log } = bundle;
  log.bytes = Buffer.from(`bar\n${ESC}[A`.repeat(300));
  for (const ending of [".entries", ".rows"]) {
    for (const length of [0, 1, 63, 64, 65, 200, 500]) {
      await (async () => {
        await using builder = await IndexBuilder.open(base, log, 100);
        await builder.advance(log, at(0), LIVE);
      })();
      await truncate(`${base}${ending}`, length);
      await using builder = await IndexBuilder.open(base, log, 100);
      await builder.advance(log, at(0), LIVE);
      const rows = await readRows({ log, index: builder.file }, 1, 10);
      expect(rows.map(({ text }) => text)).toEqual(["bar"]);
    }
  }
});
