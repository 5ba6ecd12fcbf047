import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { directoryManifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

/** Draws two bars as tqdm does (a newline and back up for the inner one), then writes 60,000 lines, more than a megabyte. */
const PROGRAM = `
printf 'start\\n'
for epoch in 1 2 3 4 5; do
  for batch in 1 2 3 4 5 6 7 8 9 10; do
    printf '\\repoch %s\\n\\rbatch %s/10 \\033[A' $epoch $batch
  done
  sleep 0.5
done
printf '\\n\\n'
sleep 1
i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo "step $i loss=0.5"; done
printf 'end'
`;

async function submit(service: Service): Promise<string> {
  await writeZip(join(service.work, "model.zip"), { "train.sh": PROGRAM });
  await writeFile(join(service.work, "job.yaml"), directoryManifest({ command: "sh train.sh" }));
  const { stdout, stderr, code } = await service.trainyard(["submit", "model.zip", "job.yaml", "-q"]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

const clientOf = async (service: Service) => createClient({ url: await service.url(), token: await service.token() });

test("a log is jumped into by row, line and time, searched, archived, and indexed anew when the index is lost", async () => {
  await using service = await startService();
  const id = await submit(service);
  expect((await service.trainyard(["logs", "-f", id, "--exit-status"])).code).toBe(0);
  let client = await clientOf(service);
  const rows = async (query: Record<string, unknown>) => client.call("readLogRows", { params: { id }, query });

  const search = async (q: string) =>
    (await client.call("searchLog", { params: { id }, query: { q, regex: true } })).matches;
  const [start] = await search("^start$");
  const begin = start?.line ?? 0;
  const first = await rows({ line: begin, count: 4 });
  // So far a row is a line.
  expect(first.rows.map(({ row, line, text }) => [row - begin, line - begin, text])).toEqual([
    [0, 0, "start"],
    [1, 1, "epoch 5"],
    [2, 2, "batch 10/10 "],
    [3, 53, "step 1 loss=0.5"],
  ]);
  expect(first.totalLines - first.totalRows).toBe(50);
  const line = begin + 52 + 30_000;
  const jumped = await rows({ line, count: 1 });
  expect(jumped.rows).toMatchObject([{ row: line - 50, line, text: "step 30000 loss=0.5" }]);
  const [early, late] = [first.rows[0]?.seenAt, first.rows[3]?.seenAt];
  expect(Date.parse(late ?? "") - Date.parse(early ?? "")).toBeGreaterThan(1000);
  expect((await rows({ time: late, count: 1 })).at).toBeLessThanOrEqual(begin + 3);
  expect(await search("^step 4(2)\\1{3} ")).toMatchObject([{ line: begin + 52 + 42_222, text: "step 42222 loss=0.5" }]);

  const log = join(service.home, "runs", id, "learner-1", "training-log.txt");
  await expect.poll(() => [existsSync(log), existsSync(`${log}.zst`)], { timeout: 20_000 }).toEqual([false, true]);
  const stored = await readFile(join(service.home, "buckets", "models", id, "learner-1", "training-log.txt"), "utf8");
  expect((await service.trainyard(["logs", id])).stdout).toBe(stored);
  expect((await rows({ line, count: 1 })).rows).toEqual(jumped.rows);

  await service.stop();
  await rm(join(service.home, "runs", id, "log-index"), { recursive: true });
  await service.start();
  client = await clientOf(service);
  const again = await rows({ line, count: 1 });
  expect(again.rows).toEqual(jumped.rows.map((row) => ({ ...row, seenAt: null })));
  expect([again.timesFrom, again.totalRows]).toEqual([null, first.totalRows]);
  expect((await rows({ time: late, count: 1 })).rows).toEqual([]);
}, 120_000);
