import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { guardWorld } from "../base/world.ts";
import { drawChart, pointCaches } from "./points/chart.ts";
import { FIELD } from "./points/node.ts";
import { recordsName, RunCollection } from "./run-collection.ts";
import type { MetricFolders } from "./sources/metric-folders.ts";
import { metricSources } from "./sources/metric-sources.ts";
import { CollectorThread } from "./thread/collector-thread.ts";

const NEVER = new AbortController().signal;

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly folders: MetricFolders;
  readonly log: string;
  open(attempt?: number): Promise<RunCollection>;
  /** The steps of one key's points, each as often as it is there. */
  steps(key: string): Promise<readonly number[]>;
}

async function place(): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), "collection-"));
  const thread = new CollectorThread();
  const folders = {
    logs: join(root, "learner-1"),
    state: join(root, "state"),
    results: join(root, "results"),
    code: join(root, "code"),
  };
  for (const path of Object.values(folders)) await mkdir(path);
  const folder = join(root, "metrics");
  return {
    folder,
    folders,
    log: join(folders.logs, "training-log.txt"),
    open: async (attempt = 1) =>
      RunCollection.open({
        folder,
        runId: "training-x",
        learners: [{ learner: 1, attempt, logs: folders.logs, sources: metricSources(null, folders) }],
        thread,
        now: () => new Date(Date.UTC(2026, 0, 1)),
      }),
    steps: async (key) => {
      const request = { axis: "step", from: null, to: null, buckets: 100_000 } as const;
      const { series } = await drawChart(pointCaches(), [{ folder, key }], request, NEVER);
      return (series[0]?.buckets ?? []).flatMap(({ node }) =>
        Array.from({ length: node[FIELD.count] as number }, () => node[FIELD.minStep] as number),
      );
    },
    [Symbol.asyncDispose]: async () => {
      await thread[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, i) => `step ${from + i} loss=${1 / (from + i + 1)}\n`).join("");
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

test("a log is collected as it grows, and a half line when it has come to its end", async () => {
  await using here = await place();
  using collection = await here.open();
  await writeFile(here.log, lines(0, 100));
  expect(await collection.collect(false, NEVER)).toEqual({ points: 100, warnings: [] });
  await appendFile(here.log, `${lines(100, 150)}step 150 loss=1`);
  expect(await collection.collect(false, NEVER)).toEqual({ points: 50, warnings: [] });
  expect(await collection.collect(true, NEVER)).toEqual({ points: 1, warnings: [] });
  expect(await here.steps("loss")).toEqual(upTo(151));
  expect(await collection.collect(true, NEVER)).toEqual({ points: 0, warnings: [] });
});

test("wherever the server dies, the next one goes on without a point lost or doubled", async () => {
  await using here = await place();
  await writeFile(here.log, lines(0, 40));
  let reached = true;
  let written = 40;
  for (let at = 1; reached; at += 1) {
    using collection = await here.open();
    await appendFile(here.log, `${lines(written, written + 20)}step `);
    written += 20;
    let step = 0;
    {
      using _gate = guardWorld(() => {
        step += 1;
        if (step < at) return undefined;
        const afterwards = (): never => {
          throw new Error("the server died");
        };
        return { bytes: 30, afterwards };
      });
      await collection.collect(false, NEVER).catch(() => undefined);
    }
    reached = step >= at;
    // The half line is completed, as a program would.
    await appendFile(here.log, `x\n`);
  }
  using collection = await here.open();
  await collection.collect(true, NEVER);
  expect(await here.steps("loss")).toEqual(upTo(written));
  const records = (await readFile(join(here.folder, recordsName(1, 1)))).subarray(
    0,
    collection.points.offsets[recordsName(1, 1)],
  );
  const indexes = records
    .toString()
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { meta: { rindex: number } }).meta.rindex);
  expect(indexes).toEqual(upTo(written).map((i) => i + 1));
});

test("event files that appear later are found with their group", async () => {
  await using here = await place();
  using collection = await here.open();
  await collection.collect(false, NEVER);
  await mkdir(join(here.folders.state, "logs", "tb", "test"), { recursive: true });
  const fixture = new URL("../../test/fixtures/event-files/torch.tfevents", import.meta.url);
  await copyFile(fixture, join(here.folders.state, "logs", "tb", "test", "events.out.tfevents.1"));
  expect(await collection.collect(false, NEVER)).toEqual({ points: 10, warnings: [] });
  expect(await here.steps("test/loss/train")).toEqual([0, 100, 200, 300, 400]);
});

test("a log that its program begins anew is read from its beginning", async () => {
  await using here = await place();
  using collection = await here.open();
  await writeFile(here.log, lines(0, 50));
  await collection.collect(false, NEVER);
  await writeFile(here.log, "step 100 loss=1\n");
  await collection.collect(false, NEVER);
  expect(await here.steps("loss")).toEqual([...upTo(50), 100]);
});

test("the log of another attempt is another source", async () => {
  await using here = await place();
  await writeFile(here.log, lines(0, 10));
  {
    using first = await here.open(1);
    await first.collect(true, NEVER);
  }
  await writeFile(here.log, lines(10, 30));
  using second = await here.open(2);
  await second.collect(true, NEVER);
  expect(await here.steps("loss")).toEqual(upTo(30));
});
