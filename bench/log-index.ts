import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readRows, rowOfLine, rowOfTime } from "../src/logs/index/read-rows.ts";
import { LogIndexes } from "../src/logs/log-indexes.ts";
import { searchLog } from "../src/logs/search/search-log.ts";
import { SecretMask } from "../src/logs/secret-mask.ts";
import { openServedLog } from "../src/logs/served-log.ts";
import type { Benchmark } from "./harness.ts";
import { atMost } from "./report.ts";
import { makeTemporaryFolder } from "./service.ts";
import { quantile } from "./statistics.ts";

const LINES = { usual: 1_000_000, full: 20_000_000 };
const JUMPS = { usual: 300, full: 3000 };
const BLOCK_LINES = 100_000;

/** P6d, the server's part: how fast a log is indexed, any page of it found, and all of it searched. */
export const logIndex: Benchmark = {
  name: "log-index",
  goal: "P6d, server side: a page of a log of any length costs the same; a million lines are indexed and searched within a second",
  measure: async (report, { full }) => {
    const lines = full ? LINES.full : LINES.usual;
    await using folder = await makeTemporaryFolder("log-index");
    const path = join(folder.path, "training-log.txt");
    const sizeMb = (await writeLog(path, lines)) / 1e6;
    report.fact("log", `${lines} lines, ${sizeMb.toFixed(0)} MB`);
    const place = { path, mask: new SecretMask([]), isComplete: true, base: join(folder.path, "log-index", "1-1") };
    const indexes = new LogIndexes();

    const built = await seconds(async () => indexes.use(place, new Date(), true, async () => undefined));
    report.figure("indexed", " MB/s", sizeMb / built);
    using _kept = indexes.keep(place.base);
    const jumps: number[] = [];
    for (let jump = 0; jump < (full ? JUMPS.full : JUMPS.usual); jump += 1) {
      const line = 1 + Math.floor(Math.random() * lines);
      const look = async () =>
        indexes.use(place, null, false, async (log) => {
          if (jump % 3 === 0) await rowOfTime(log, new Date());
          return readRows(log, (await rowOfLine(log, line)) ?? 1, 200);
        });
      jumps.push(1000 * (await seconds(look)));
    }
    report.samples("a page of 200 rows around a line", "ms", jumps);
    report.figure("a page of 200 rows, p99", " ms", quantile(jumps, 0.99), atMost(50));

    await using log = await openServedLog(place);
    const options = {
      query: "not there",
      findInLines: null,
      from: { offset: 0, line: 1 },
      limit: 1,
      maxBytes: Infinity,
    };
    const searched = await seconds(async () => searchLog(log, options, new AbortController().signal));
    report.figure("searched for a text", " MB/s", sizeMb / searched);
  },
};

async function writeLog(path: string, lines: number): Promise<number> {
  let bytes = 0;
  for (let line = 1; line <= lines; line += BLOCK_LINES) {
    const count = Math.min(BLOCK_LINES, lines - line + 1);
    const block = Array.from(
      { length: count },
      (_, i) => `step ${line + i} loss=0.123456 accuracy=0.98 lr=0.001\n`,
    ).join("");
    await writeFile(path, block, { flag: "a" });
    bytes += block.length;
  }
  return bytes;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}
