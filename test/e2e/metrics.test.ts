import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { MetricList } from "../../src/contract/metrics.ts";
import { directoryManifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";

const FIXTURES = join(import.meta.dirname, "..", "fixtures", "event-files");

/** A program that is handed over as a folder, with the manifest's `evaluation_metrics` where there are any. */
async function submit(service: Service, program: string, more = "", wait = true): Promise<string> {
  const folder = join(service.work, "model");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "train.sh"), program);
  await copyFile(join(FIXTURES, "torch.tfevents"), join(folder, "torch.bin"));
  await writeFile(join(service.work, "job.yaml"), directoryManifest({ command: "bash train.sh --lr=0.1" }) + more);
  const args = ["submit", "model", "job.yaml", "-q", ...(wait ? ["--wait"] : [])];
  const { stdout, stderr, code } = await service.trainyard(args);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

async function metrics(service: Service, id: string): Promise<MetricList["metrics"]> {
  const { stdout } = await service.trainyard(["metrics", id, "-o", "json"]);
  return (JSON.parse(stdout) as MetricList).metrics;
}

/** Each metric with its count of points, its last value and step. */
async function brief(service: Service, id: string): Promise<Record<string, readonly unknown[]>> {
  return Object.fromEntries(
    (await metrics(service, id))
      .filter(({ key }) => !key.startsWith("system/"))
      .map(({ key, count, last, lastStep }) => [key, [count, last, lastStep]]),
  );
}

/** The records of `evaluation-metrics.txt` in the results, without what changes from run to run. */
async function records(service: Service, id: string): Promise<readonly unknown[]> {
  const text = await readFile(join(service.home, "buckets/models", id, "learner-1/evaluation-metrics.txt"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const { grouplabel, etimes, values } = JSON.parse(line) as Record<string, unknown>;
      return { grouplabel, etimes, values };
    });
}

const float = (value: string) => ({ type: 3, value });
const int = (value: string) => ({ type: 2, value });

test("what a program prints, writes and reports becomes metrics, and none comes of what the service writes", async () => {
  await using service = await startService();
  const id = await submit(
    service,
    `echo "Iter 6400, Minibatch Loss= 0.79, Training Accuracy= 0.68"
mkdir runs && cp torch.bin runs/events.out.tfevents.1.host
curl -sS -H "Authorization: Bearer $TRAINYARD_METRICS_TOKEN" -H "Content-Type: application/json" \\
  -d '{"step": 3, "values": {"reported": 1.5, "odd": "NaN"}}' -w '%{http_code}\\n' "$TRAINYARD_METRICS_URL"
curl -sS -o /dev/null -H "Authorization: Bearer wrong" -w '%{http_code}\\n' -X POST "$TRAINYARD_METRICS_URL"
echo "may report with $TRAINYARD_METRICS_TOKEN."
echo '[{"steps": 5, "accuracy": 0.625}]' > $RESULT_DIR/val_dict_list.json
`,
  );
  const log = (await service.trainyard(["logs", id])).stdout;
  expect(log).toContain("\n204\n401\n");
  expect(log).toMatch(/\nmay report with \*+\.\n/);
  expect(await brief(service, id)).toEqual({
    "Minibatch Loss": [1, 0.79, 6400],
    "Training Accuracy": [1, 0.68, 6400],
    "loss/train": [5, expect.any(Number), 400],
    "loss/test": [5, expect.any(Number), 400],
    reported: [1, 1.5, 3],
    odd: [1, "NaN", 3],
    "test/accuracy": [1, 0.625, 5],
  });
  const table = (await service.trainyard(["metrics", id, "Minibatch Loss"])).stdout;
  expect(table).toMatch(
    /^METRIC +LAST +MIN +MAX +BEST +STEP +CURVE\nMinibatch Loss +0\.79 +0\.79 +0\.79 +0\.79 +6400 +▄\n$/,
  );
  const better = await submit(service, `echo "step 1 loss=0.25"`);
  const worse = await submit(service, `echo "step 1 loss=0.75"`);
  const list = async (...args: string[]) => (await service.trainyard(["list", "-o", "name", ...args])).stdout;
  expect(await list("--sort", "metric:loss")).toBe(`${better}\n${worse}\n`);
  expect(await list("--sort", "metric:loss:last:desc")).toBe(`${worse}\n${better}\n`);
  expect(await list("--metric", "loss<0.75")).toBe(`${better}\n`);
  expect((await service.trainyard(["list", "--metric", "nonsense"])).code).toBe(2);
});

test("FfDL's collectors give the records that are written by hand here", async () => {
  await using service = await startService();
  const regex = await submit(
    service,
    `echo "I0301 12:30:45.123456 1 solver.cpp:228] Iteration 100, loss = 0.5"; echo "Iteration 200, loss = 0.25"; printf "acc\\n0.9\\n"`,
    `evaluation_metrics:
  type: regex_extractor
  line_lookahead: 2
  groups:
    train:
      regex: 'Iteration (?P<it>%{INT}), loss = (?P<loss>%{FLOAT})'
      scalars: {loss: {type: FLOAT, value: $loss}}
      etimes: {iteration: {type: INT, value: $it}}
    test:
      regex: 'acc\\n(?P<acc>[\\d.]+)'
      scalars: {accuracy: {type: FLOAT, value: $acc}}
`,
  );
  expect(await records(service, regex)).toEqual([
    { grouplabel: "train", etimes: { iteration: int("100") }, values: { loss: float("0.5") } },
    { grouplabel: "train", etimes: { iteration: int("200") }, values: { loss: float("0.25") } },
    { grouplabel: "test", etimes: {}, values: { accuracy: float("0.9") } },
  ]);
  expect(await brief(service, regex)).toEqual({ "train/loss": [2, 0.25, 200], "test/accuracy": [1, 0.9, 0] });

  const line = `{"meta": {"training_id": "x", "time": 1530864000000, "rindex": 1}, "grouplabel": "test", "etimes": {"iteration": {"type": 2, "value": "7"}}, "values": {"accuracy": {"type": 3, "value": "0.5"}}}`;
  const emetrics = await submit(
    service,
    `echo "loss=1"; echo '${line}' > $LOG_DIR/evaluation-metrics.txt`,
    "evaluation_metrics: {type: emetrics_file}\n",
  );
  expect(await records(service, emetrics)).toEqual([
    { grouplabel: "test", etimes: { iteration: int("7") }, values: { accuracy: float("0.5") } },
  ]);
  expect(await brief(service, emetrics)).toEqual({ "test/accuracy": [1, 0.5, 7] });

  const tensorboard = await submit(
    service,
    `echo "loss=1"; mkdir -p $JOB_STATE_DIR/logs/tb/train; cp torch.bin $JOB_STATE_DIR/logs/tb/train/events.out.tfevents.1.host`,
    "evaluation_metrics: {type: tensorboard, in: $JOB_STATE_DIR/logs/tb}\n",
  );
  expect(Object.keys(await brief(service, tensorboard)).toSorted()).toEqual(["train/loss/test", "train/loss/train"]);
  expect(await records(service, tensorboard)).toHaveLength(10);
});

test("a pattern that takes for ever and one that finds nothing are warnings of a run that completes", async () => {
  await using service = await startService();
  const group = (regex: string): string =>
    `evaluation_metrics: {type: regex_extractor, groups: {slow: {regex: '${regex}', scalars: {x: {type: FLOAT, value: $x}}}}}\n`;
  const id = await submit(
    service,
    `for i in 1 2 3 4 5; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab; done`,
    group("(?P<x>a+)+$"),
  );
  const { stdout } = await service.trainyard(["show", id]);
  expect(stdout).toMatch(/^State +completed$/m);
  expect(stdout).toContain("Warning: The pattern of group 'slow' took too long");
  expect(stdout).toContain("none was seen");
});

test("metrics are there while the program runs, and a server that is killed loses and doubles none", async () => {
  await using service = await startService();
  const program = `i=0; until [ -e enough ]; do i=$((i + 1)); echo "step $i loss=$i"; sleep 0.1; done`;
  const id = await submit(service, program, "", false);
  const find = async (key: string) => (await metrics(service, id)).find((metric) => metric.key === key);
  const countOf = async (key: string): Promise<number> => (await find(key))?.count ?? 0;
  for (let kills = 0; kills < 3; kills += 1) {
    const before = await countOf("loss");
    await expect.poll(() => countOf("loss"), { timeout: 40_000 }).toBeGreaterThan(before);
    await service.kill();
    await service.start();
  }
  await expect.poll(() => countOf("system/memory_bytes"), { timeout: 60_000 }).toBeGreaterThan(0);
  await writeFile(join(service.home, "runs", id, "code", "enough"), "");
  await service.trainyard(["logs", "-f", id, "--exit-status"]);
  const { count = 0, ...loss } = (await find("loss")) ?? {};
  expect(loss).toMatchObject({ min: 1, max: count, last: count, lastStep: count });
  const printed = (await service.trainyard(["logs", id])).stdout.match(/^step /gmu)?.length;
  expect(count).toBe(printed);
  const figures = await fetch(`${await service.url()}/metrics`, {
    headers: { authorization: `Bearer ${await service.token()}` },
  });
  expect(await figures.text()).toContain('trainyard_runs_total{state="completed"} 1\n');
});
