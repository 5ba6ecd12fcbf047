import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { archiveLog } from "./archive-log.ts";
import { writeDropped } from "./dropped-part.ts";
import { readRows, rowOfOffset, totals } from "./index/read-rows.ts";
import { LogIndexes } from "./log-indexes.ts";
import { SecretMask } from "./secret-mask.ts";

const now = new Date("2026-01-01T00:00:00Z");

async function makeBundle() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-indexes-"));
  const path = join(folder, "training-log.txt");
  return {
    path,
    place: { path, mask: new SecretMask(["correct-horse"]), isComplete: false, base: join(folder, "log-index", "1-1") },
    indexes: new LogIndexes(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

test("all who ask at once get the log as it is, whoever writes the index", async () => {
  await using bundle = await makeBundle();
  const { path, place, indexes } = bundle;
  await writeFile(path, "");
  using _kept = indexes.keep(place.base);
  for (let round = 1; round <= 20; round += 1) {
    await appendFile(path, "line\n".repeat(1000));
    const counts = await Promise.all(
      Array.from({ length: 8 }, async () => indexes.use(place, now, true, async (log) => (await totals(log)).rows)),
    );
    expect(counts).toEqual(counts.map(() => round * 1000));
  }
});

test("a place within a dropped middle leads to the line that tells of it, and rows go on behind it", async () => {
  await using bundle = await makeBundle();
  const { path, place, indexes } = bundle;
  const lines = Array.from({ length: 50_000 }, (_, i) => `line ${String(i + 1).padStart(6)}\n`).join("");
  await writeFile(path, lines);
  await indexes.use(place, now, true, async () => undefined);
  // As a log that grew beyond its limit: the bytes are gone, and the record says which.
  await writeDropped(path, { from: 120_000, to: 480_000, compactedAt: null });
  const rows = await indexes.use(place, now, true, async (log) => readRows(log, 9_990, 20));
  const texts = rows.map(({ text }) => text);
  expect(texts.slice(0, 11)).toEqual(Array.from({ length: 11 }, (_, i) => `line ${String(9990 + i).padStart(6)}`));
  expect(texts.join("\n")).toContain("360000 bytes of the log were dropped here");
  const last = await indexes.use(place, now, true, async (log) => readRows(log, 50_000, 1));
  expect(last.map(({ number, text }) => [number, text])).toEqual([[50_000, "line  50000"]]);
});

test("a secret that is written in two goes is masked in the rows that the index keeps", async () => {
  await using bundle = await makeBundle();
  const { path, place, indexes } = bundle;
  await writeFile(path, "one\nkey correct-h");
  await indexes.use(place, now, true, async () => undefined);
  await appendFile(path, "orse\u001B[A\rup\n\n");
  const rows = await indexes.use(place, now, true, async (log) => readRows(log, 1, 10));
  expect(rows.map(({ text }) => text)).toEqual(["upe", `key ${"*".repeat(13)}`]);
});

test("an archived log has the rows that it had before", async () => {
  await using bundle = await makeBundle();
  const { path, place, indexes } = bundle;
  await writeFile(path, "line\n".repeat(100_000));
  const ended = { ...place, isComplete: true };
  const look = async () =>
    indexes.use(ended, null, false, async (log) => [await readRows(log, 77_777, 2), await rowOfOffset(log, 250_000)]);
  const before = await look();
  await archiveLog(path, 1, new AbortController().signal);
  expect(await look()).toEqual(before);
});
