import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { MetricSummary } from "../../domain/metric-summary.ts";
import { advance, type Run } from "../../domain/run.ts";
import { pointCaches } from "../../metrics/points/chart.ts";
import { summariesOf } from "../../metrics/points/summaries.ts";
import { HandClock } from "../../../test/fixtures/hand-clock.ts";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { metricsFolder } from "./metric-places.ts";
import { MetricsWatch } from "./metrics-watch.ts";
import type { RunBook } from "../run/run-book.ts";
import { learnerDirectory, runDirectory } from "../run/run-directory.ts";

const NEVER = new AbortController().signal;

interface Home extends AsyncDisposable {
  readonly clock: HandClock;
  readonly watch: MetricsWatch;
  readonly saved: Map<string, readonly MetricSummary[]>;
  readonly warnings: string[];
  readonly path: string;
  run(): Promise<{ readonly run: Run; readonly log: string; readonly folder: string }>;
}

async function home(): Promise<Home> {
  const path = await mkdtemp(join(tmpdir(), "watch-"));
  const clock = new HandClock();
  const saved = new Map<string, readonly MetricSummary[]>();
  const warnings: string[] = [];
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const book = {
    update: async (_id: string, change: (run: Run, now: Date) => { run: Run }) => {
      warnings.push(...change(pendingRun(), new Date(0)).run.warnings);
    },
  } as unknown as RunBook;
  const store = { saveMetricSummaries: async (id: string, all: readonly MetricSummary[]) => void saved.set(id, all) };
  const watch = new MetricsWatch({ home: path, clock, log: quiet, store, caches: pointCaches() }, book);
  return {
    clock,
    watch,
    saved,
    warnings,
    path,
    run: async () => {
      const run = advance(pendingRun(), "downloading", new Date(1), {});
      const directory = runDirectory(path, run.id);
      const folder = learnerDirectory(directory, 1);
      for (const each of [folder, directory.code, directory.results, directory.state]) {
        await mkdir(each, { recursive: true });
      }
      return { run, log: join(folder, "training-log.txt"), folder };
    },
    [Symbol.asyncDispose]: async () => {
      await watch[Symbol.asyncDispose]();
      await rm(path, { recursive: true, force: true });
    },
  };
}

test("a hundred idle runs are looked at a few times a minute each", async () => {
  await using here = await home();
  const over = new AbortController();
  const walks: Promise<void>[] = [];
  for (let i = 0; i < 100; i += 1) {
    const { run } = await here.run();
    walks.push(here.watch.accompany({ ...run, id: `training-idle${String(i).padStart(5, "0")}` }, over.signal));
  }
  const minute = async (): Promise<number> => {
    const before = here.watch.rounds;
    for (let second = 0; second < 60; second += 1) {
      here.clock.pass(1000);
      for (let turns = 0; turns < 100; turns += 1) await turn();
    }
    return here.watch.rounds - before;
  };
  await minute();
  // A look every 30 s each.
  const rounds = await minute();
  expect(rounds).toBeLessThanOrEqual(300);
  expect(rounds).toBeGreaterThan(0);
  over.abort();
  await Promise.all(walks);
});

test("a run that says nothing leaves no folder of metrics and has no summary saved", async () => {
  await using here = await home();
  const { run, log } = await here.run();
  await writeFile(
    log,
    "Training with training/test data at:\n  TRAINING_COMMAND: train --lr=0.1\n  RESULT_DIR: /r\nFri Jul  6 08:12:32 UTC 2018: Running Shell job\n",
  );
  expect(await here.watch.conclude(run, NEVER)).toEqual([]);
  expect(here.saved.size).toBe(0);
  await expect(readFile(join(metricsFolder(here.path, run.id), "keys.jsonl"))).rejects.toMatchObject({
    code: "ENOENT",
  });
});

test("the end reads what is left, writes IBM's records, and may be repeated", async () => {
  await using here = await home();
  const { run, log, folder } = await here.run();
  await writeFile(log, "step 1 loss=0.5\nstep 2 loss=0.25\n");
  await here.watch.conclude(run, NEVER);
  await appendFile(log, "step 3 loss=0.125");
  await here.watch.conclude(run, NEVER);
  await here.watch.conclude(run, NEVER);
  expect(here.saved.get(run.id)).toMatchObject([{ key: "loss", count: 3, last: 0.125, lastStep: 3 }]);
  expect((await readFile(join(folder, "evaluation-metrics.txt"), "utf8")).split("\n")).toHaveLength(3);
});

test("the records that a program has written itself are left as they are", async () => {
  await using here = await home();
  const { run, log, folder } = await here.run();
  await writeFile(log, "step 1 loss=0.5\n");
  await writeFile(join(folder, "evaluation-metrics.txt"), "mine\n");
  await here.watch.conclude(run, NEVER);
  expect(await readFile(join(folder, "evaluation-metrics.txt"), "utf8")).toBe("mine\n");
});

test("reports are acknowledged once they are on disk, and are read exactly once", async () => {
  await using here = await home();
  const { run } = await here.run();
  const report = (step: number) => ({
    group: "",
    at: new Date(step),
    isOwnTime: true,
    step,
    subId: null,
    etimes: { step: { type: "INT" as const, value: step } },
    values: { loss: { type: "FLOAT" as const, value: 1 / step } },
  });
  const kept = await Promise.all(Array.from({ length: 50 }, async (_, i) => here.watch.post(run.id, [report(i + 1)])));
  expect(new Set(kept)).toEqual(new Set([true]));
  const posted = await readFile(join(metricsFolder(here.path, run.id), "posted.jsonl"), "utf8");
  expect(posted.trim().split("\n")).toHaveLength(50);
  await here.watch.conclude(run, NEVER);
  await here.watch.conclude(run, NEVER);
  expect(here.saved.get(run.id)).toMatchObject([{ key: "loss", count: 50, last: 0.02, lastStep: 50 }]);
});

test("a hundred thousand different names keep a thousand and a warning, and no more memory", async () => {
  await using here = await home();
  const { run, log } = await here.run();
  await writeFile(log, Array.from({ length: 100_000 }, (_, i) => `name${i}=1\n`).join(""));
  const warnings = await here.watch.conclude(run, NEVER);
  expect(warnings).toEqual([expect.stringContaining("99000 values of further ones were left out")]);
  expect(summariesOf(pointCaches(), metricsFolder(here.path, run.id))).toHaveLength(1000);
});
