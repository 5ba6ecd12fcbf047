import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { directoryManifest } from "./manifests.ts";
import { startService } from "./service.ts";
import { writeZip } from "./zip.ts";

const LIMIT_BYTES = 16 * 1_048_576;
const LINES = 60_000_000;

test("a program that floods its log keeps the disk free, and its log has beginning, line and end, in the bucket too", async () => {
  await using service = await startService({ configuration: `logs: {max_bytes: ${LIMIT_BYTES}}\n` });
  await writeZip(join(service.work, "model.zip"), { "readme.txt": "nothing\n" });
  // The pause lets the server see the flood's end, as it would one that goes on.
  const command = `seq ${LINES}; sleep 3; echo the end`;
  await writeFile(join(service.work, "job.yaml"), directoryManifest({ command }));
  const { stdout } = await service.trainyard(["submit", "model.zip", "job.yaml", "-q"]);
  const id = stdout.trim();
  const log = join(service.home, "runs", id, "learner-1", "training-log.txt");

  // The file is as long as what was written, and takes up no more than the limit.
  await expect
    .poll(
      async () =>
        stat(log).then(
          ({ size, blocks }) => size > 500_000_000 && blocks * 512 <= LIMIT_BYTES,
          () => false,
        ),
      {
        timeout: 60_000,
      },
    )
    .toBe(true);
  const followed = await service.trainyard(["logs", "-f", id, "--exit-status"]);
  expect(followed.code).toBe(0);
  const stored = await readFile(join(service.home, "buckets", "models", id, "training-log.txt"), "latin1");
  expect(stored.length).toBeLessThanOrEqual(LIMIT_BYTES);
  const [, numbersBefore = "", dropped, numbersAfter = ""] =
    /\n(1\n2\n[\d\n]*)\n\[trainyard\] (\d+) bytes of the log were dropped here[^\n]*\n([\d\n]+)the end\n/u.exec(
      stored,
    ) ?? [];
  const all = [numbersBefore, numbersAfter].map((text) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map(Number),
  );
  expect(all[0]?.slice(0, -1).every((number, index) => number === index + 1)).toBe(true);
  const [first = 0] = all[1] ?? [];
  expect(all[1]?.every((number, index) => number === first + index)).toBe(true);
  expect(all[1]?.at(-1)).toBe(LINES);
  expect(Number(dropped)).toBeGreaterThan(450_000_000);
  expect(followed.stdout).toBe(stored);
});
