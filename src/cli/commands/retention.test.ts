import { expect, test } from "vitest";
import type { RetentionView } from "../../contract/retention.ts";
import { CliBench } from "../cli-bench.ts";

const run = { name: "tf-mnist", state: "completed", deletedAt: null, endedAt: "2026-11-01T00:00:00.000Z" } as const;
const plan: RetentionView = {
  asOf: "2026-11-26T00:00:00.000Z",
  isClockDoubted: false,
  days: 7,
  undoMinutes: 60,
  notEnded: 0,
  truncated: false,
  runs: [
    {
      ...run,
      id: "training-aaaaaaaa1",
      verdict: "forget",
      reason: "retention_over",
      until: null,
      sizeBytes: 2_000_000,
    },
    { ...run, id: "training-bbbbbbbb2", verdict: "keep", reason: "only_copy", until: null, sizeBytes: 4096 },
    {
      ...run,
      id: "training-cccccccc3",
      verdict: "keep",
      reason: "younger",
      until: "2026-11-30T00:00:00.000Z",
      sizeBytes: 0,
    },
  ],
};

test("retention says of each run whether it goes or stays, why, until when, and what that frees", async () => {
  await using bench = await CliBench.start();
  bench.server.retention = plan;
  const { out, err, code } = await bench.trainyard("retention", "--dry-run");
  const [, ...rows] = out.split("\n");
  expect(rows[0]).toMatch(/^training-aaaaaaaa1 .* goes +ended long enough ago$/);
  expect(rows[1]).toMatch(/^training-bbbbbbbb2 .* stays until deleted +its results are in no bucket/);
  expect(rows[2]).toMatch(/^training-cccccccc3 .* stays until 2026-11-30T00:00:00.000Z +ended not long enough ago$/);
  expect(err).toMatch(/^Runs are kept 7 days after their end; 1 would go now, which frees [0-9.]+ \w+\.\n$/);
  expect(code).toBe(0);
});

test("retention names alone are the runs that would go", async () => {
  await using bench = await CliBench.start();
  bench.server.retention = plan;
  expect((await bench.trainyard("retention", "-o", "name")).out).toBe("training-aaaaaaaa1\n");
});

test("retention says what it goes by when the clock is doubted, and that more runs wait or live", async () => {
  await using bench = await CliBench.start();
  bench.server.retention = { ...plan, days: null, isClockDoubted: true, truncated: true, notEnded: 3, runs: [] };
  const { out, err } = await bench.trainyard("retention");
  expect(out).toBe("");
  expect(err).toContain("Runs are kept for ever;");
  expect(err).toContain("Runs that have not ended: 3.");
  expect(err).toContain("There are more ended runs");
  expect(err).toContain("as of 2026-11-26T00:00:00.000Z: the server's clock was set forward");
});
