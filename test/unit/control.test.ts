import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import type { DataStore } from "../../src/datastores/datastore.ts";
import { EngineError } from "../../src/engines/engine-error.ts";
import type { LearnerTask } from "../../src/engines/engine.ts";
import { controlBundle, MANIFEST } from "./control-bundle.ts";

const WITH_DATA = `${MANIFEST}training_data: {source: {bucket: mnist, type: directory}}\n`;

async function fillBucket(home: string, files: Readonly<Record<string, string>>): Promise<void> {
  const bucket = join(home, "buckets", "mnist");
  await mkdir(bucket, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(bucket, name), text);
}

test("a run that completes has its logs, its code and the marker in the results bucket", async () => {
  await using bundle = await controlBundle();
  const run = await bundle.untilEnded((await bundle.submit()).id);
  expect([run.state, run.failure, run.devices]).toEqual(["completed", null, []]);
  const folder = join(bundle.home, "buckets", "models", run.id);
  const keys = await readdir(folder, { recursive: true });
  expect(keys.toSorted()).toEqual([
    "_submitted_code",
    "_submitted_code/model.zip",
    "learner-1",
    "learner-1/.log-copy-complete",
    "learner-1/load-data.log",
    "learner-1/load-model.log",
    "learner-1/training-log.txt",
    "training-log.txt",
  ]);
  expect(await bundle.stored(run.id, "learner-1/.log-copy-complete")).toBe("0");
});

test("a run that fails stays visible with its cause, and its logs are stored like any other's", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "exits", exitCode: 3 }) });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  expect(run).toMatchObject({ state: "failed", failure: { cause: "program_exit", exitCode: 3, phase: "running" } });
  expect(await bundle.stored(run.id, "training-log.txt")).toBeDefined();
  const { runs } = await bundle.control.runs.list({
    states: ["failed"],
    name: null,
    idPrefix: null,
    limit: 10,
    cursor: null,
  });
  expect(runs.map(({ id }) => id)).toEqual([run.id]);
});

test("a learner that vanished is never counted as a success", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "vanishes" }) });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  expect(run).toMatchObject({ state: "failed", failure: { cause: "learner_lost" } });
});

test("a server that comes back carries live and waiting runs on, and starts nothing twice", async () => {
  const end = Promise.withResolvers<void>();
  const script = (): { kind: "exits"; exitCode: number; after: Promise<void> } => {
    return { kind: "exits", exitCode: 0, after: end.promise };
  };
  await using bundle = await controlBundle({ slots: 1, script });
  const live = await bundle.submit();
  const waiting = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
  await bundle.untilState(live.id, "running");
  await bundle.restart();
  expect((await bundle.control.runs.get(live.id)).state).toBe("running");
  expect(bundle.control.runs.waiting(await bundle.control.runs.get(waiting.id))?.position).toBe(1);
  end.resolve();
  expect((await bundle.untilEnded(live.id)).state).toBe("completed");
  expect((await bundle.untilEnded(waiting.id)).state).toBe("completed");
  expect(bundle.world.executions.map((task: LearnerTask) => task.runId)).toEqual([live.id, waiting.id]);
});

test("a run that is stopped while it waits ends at once and was never started", async () => {
  await using bundle = await controlBundle({ slots: 1, script: () => ({ kind: "runs", onStop: "ends" }) });
  const live = await bundle.submit();
  await bundle.untilState(live.id, "running");
  const waiting = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
  const stopped = await bundle.control.runs.requestStop(waiting.id, 0, { account: "ann" });
  expect(stopped.state).toBe("canceled");
  expect(bundle.world.executions).toHaveLength(1);
});

test.each(["ends", "ignores"] as const)(
  "a running program that %s when asked is stopped, and its results are kept",
  async (onStop) => {
    await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop }) });
    const { id } = await bundle.submit();
    await bundle.untilState(id, "running");
    await bundle.control.runs.requestStop(id, 50, { account: "ann" });
    const run = await bundle.untilEnded(id);
    expect([run.state, run.failure]).toEqual(["canceled", null]);
    expect(await bundle.stored(id, "learner-1/.log-copy-complete")).toBe("0");
  },
);

test("a stop that was asked for while no server lived is carried out by the next one", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop: "ends" }) });
  const { id } = await bundle.submit();
  const run = await bundle.untilState(id, "running");
  await bundle.control.stop();
  const wish = { stopRequestedAt: new Date(), stopGraceMs: 0 };
  await bundle.store.saveRun({ ...run, ...wish, version: run.version + 1 }, []);
  await bundle.restart();
  expect((await bundle.untilEnded(id)).state).toBe("canceled");
});

test("the program finds all objects of the bucket in DATA_DIR, and by name in its working folder", async () => {
  const seen: string[][] = [];
  await using bundle = await controlBundle({
    script: (task) => ({
      kind: "exits",
      exitCode: 0,
      after: (async () => {
        seen.push(await readdir(task.env["DATA_DIR"] ?? ""), await readdir(task.workingDirectory));
      })(),
    }),
  });
  await fillBucket(bundle.home, { "train.gz": "images", "main.sh": "the bucket's own" });
  const run = await bundle.untilEnded((await bundle.submit(WITH_DATA)).id);
  expect(run.state).toBe("completed");
  expect(seen.map((names) => names.toSorted())).toEqual([
    ["main.sh", "train.gz"],
    ["main.sh", "train.gz"],
  ]);
});

test.each([
  ["missing", false],
  ["empty", true],
])("a bucket that is %s ends the run as failed with data_missing, and its logs are stored", async (_what, exists) => {
  await using bundle = await controlBundle();
  if (exists) await fillBucket(bundle.home, {});
  const run = await bundle.untilEnded((await bundle.submit(WITH_DATA)).id);
  expect(run).toMatchObject({
    state: "failed",
    startedAt: null,
    failure: { cause: "data_missing", phase: "downloading" },
  });
  expect(bundle.world.executions).toEqual([]);
  expect(await bundle.stored(run.id, "learner-1/load-data.log")).toContain("mnist");
  expect(await bundle.stored(run.id, "training-log.txt")).toContain("not started");
});

function failing(fault: (method: "put" | "read", key: string) => RemoteError | undefined) {
  return (store: DataStore): DataStore => ({
    get label() {
      return store.label;
    },
    list: (prefix, signal) => store.list(prefix, signal),
    head: async (key, signal) => store.head(key, signal),
    close: async () => store.close(),
    read: async (key, offset, signal) => {
      const error = fault("read", key);
      if (error !== undefined) throw error;
      return store.read(key, offset, signal);
    },
    put: async (key, content, signal) => {
      const error = fault("put", key);
      if (error !== undefined) throw error;
      return store.put(key, content, signal);
    },
  });
}

test("a full disk while staging ends the run as failed with disk_full", async () => {
  const full = new RemoteError("disk_full", "the disk is full", { retryable: false });
  const wrapStore = failing((method) => (method === "read" ? full : undefined));
  await using bundle = await controlBundle({ wrapStore });
  await fillBucket(bundle.home, { "train.gz": "images" });
  const run = await bundle.untilEnded((await bundle.submit(WITH_DATA)).id);
  expect(run).toMatchObject({ state: "failed", failure: { cause: "disk_full" } });
});

test("results that the bucket refuses stay on the server, and the failed run names the place", async () => {
  const denied = new RemoteError("denied", "bucket 'models' said 403", { retryable: false });
  await using bundle = await controlBundle({
    wrapStore: failing((method) => (method === "put" ? denied : undefined)),
    script: (task) => ({
      kind: "exits",
      exitCode: 0,
      after: writeFile(join(task.env["RESULT_DIR"] ?? "", "model.bin"), "weights"),
    }),
  });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  const local = bundle.control.runs.localCopy(run) ?? "";
  expect(run).toMatchObject({ state: "failed", failure: { cause: "results_not_stored", exitCode: 0 } });
  expect(run.failure?.hint).toContain(local);
  expect(await readdir(local)).toEqual(["model.bin"]);
  expect(await bundle.control.runs.results(run.id, AbortSignal.timeout(1000))).toMatchObject({
    source: "local",
    objects: [{ key: "model.bin", sizeBytes: 7 }],
  });
});

test("a file of the program with a name that the service needs is stored beside, with a warning", async () => {
  const script = (task: LearnerTask) => {
    const written = writeFile(join(task.env["RESULT_DIR"] ?? "", "training-log.txt"), "mine");
    return { kind: "exits", exitCode: 0, after: written } as const;
  };
  await using bundle = await controlBundle({ script });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  expect(await bundle.stored(run.id, "_result_dir/training-log.txt")).toBe("mine");
  expect(run.warnings.join()).toContain("training-log.txt");
});

test("the same idempotency key with the same content gives the first run, with other content a conflict", async () => {
  await using bundle = await controlBundle();
  const first = await bundle.submit(MANIFEST, { key: "k1" });
  expect((await bundle.submit(MANIFEST, { key: "k1" })).id).toBe(first.id);
  const other = bundle.submit(MANIFEST, { key: "k1", files: { "other.sh": "false\n" } });
  await expect(other).rejects.toMatchObject({ code: "idempotency_key_reused" });
  const { runs } = await bundle.control.runs.list({ states: [], name: null, idPrefix: null, limit: 10, cursor: null });
  expect(runs).toHaveLength(1);
});

test("a run that asks for too many devices is told what there is in words", async () => {
  await using bundle = await controlBundle({ slots: 2 });
  const refused = bundle.submit(MANIFEST.replace("small", "large"));
  await expect(refused).rejects.toThrow("The run asks for 4 devices, and this machine has 2 CPU slots.");
});

test.each([
  [
    "an unknown framework",
    MANIFEST.replace("name: shell, version: any", "name: caffe, version: 1.0-py2"),
    "environment_unavailable",
  ],
  ["more devices than there are", MANIFEST.replace("small", "large"), "devices_exceed_machine"],
  ["an unknown key", MANIFEST.replace("execution:", "exekution:"), "manifest_invalid"],
])("a manifest with %s is refused and nothing is created", async (_what, manifest, code) => {
  await using bundle = await controlBundle({ slots: 2 });
  await expect(bundle.submit(manifest)).rejects.toMatchObject({ code });
  const page = await bundle.control.runs.list({ states: [], name: null, idPrefix: null, limit: 10, cursor: null });
  expect(page.runs).toEqual([]);
  expect(await readdir(join(bundle.home, "definitions"))).toEqual([]);
  expect(await readdir(join(bundle.home, "runs"))).toEqual([]);
});

test("deleting removes history, run directory and unshared code, and leaves the bucket alone", async () => {
  await using bundle = await controlBundle();
  const one = await bundle.untilEnded((await bundle.submit()).id);
  const two = await bundle.untilEnded((await bundle.submit()).id);
  await bundle.control.runs.remove(one.id, { account: "admin" });
  await expect(bundle.control.runs.get(one.id)).rejects.toMatchObject({ code: "run_not_found" });
  expect(existsSync(join(bundle.home, "runs", one.id))).toBe(false);
  expect(await bundle.stored(one.id, "training-log.txt")).toBeDefined();
  expect(await readdir(join(bundle.home, "definitions"))).toHaveLength(1);
  await bundle.control.runs.remove(two.id, { account: "admin" });
  expect(await readdir(join(bundle.home, "definitions"))).toEqual([]);
  expect(await readdir(join(bundle.home, "trash"))).toEqual([]);
});

test("a run that has not ended cannot be deleted", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop: "ends" }) });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await expect(bundle.control.runs.remove(id, { account: "admin" })).rejects.toMatchObject({ code: "run_not_ended" });
});

test("retention forgets what ended long enough ago, and nothing that still lives", async () => {
  let now = Date.now();
  const clock = { ...systemClock, now: () => new Date(now) };
  const script = (task: LearnerTask) =>
    task.command === "true" ? ({ kind: "exits", exitCode: 0 } as const) : ({ kind: "runs", onStop: "ends" } as const);
  await using bundle = await controlBundle({ clock, retentionDays: 7, script });
  const ended = await bundle.untilEnded((await bundle.submit()).id);
  const living = await bundle.submit(MANIFEST.replace('"true"', "sleep 1000"));
  await bundle.untilState(living.id, "running");
  now += 6.9 * 24 * 3600 * 1000;
  await bundle.restart();
  expect((await bundle.control.runs.get(ended.id)).state).toBe("completed");
  now += 0.2 * 24 * 3600 * 1000;
  // Without what the last server noted of the time, the clock is believed.
  await bundle.control.stop();
  await rm(join(bundle.home, "time-mark.json"));
  await bundle.restart();
  await expect.poll(() => existsSync(join(bundle.home, "runs", ended.id)), { timeout: 5000 }).toBe(false);
  expect((await bundle.control.runs.get(living.id)).state).toBe("running");
});

test("waiting for the log ends with the next byte, and with the end of the run", async () => {
  const end = Promise.withResolvers<void>();
  await using bundle = await controlBundle({ script: () => ({ kind: "exits", exitCode: 0, after: end.promise }) });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  const { path } = await bundle.control.runs.logFile(id, 1);
  const signal = AbortSignal.timeout(10_000);
  const before = (await import("node:fs")).statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const grown = bundle.control.runs.waitForLog(id, 1, before, signal);
  await appendFile(path, "one more line\n");
  await grown;
  const completed = bundle.control.runs.waitForLog(id, 1, 1_000_000, signal);
  end.resolve();
  await completed;
  expect((await bundle.control.runs.logFile(id, 1)).isComplete).toBe(true);
});

const TWO_LEARNERS = MANIFEST.replace("resource: small", "compute_configuration: {name: small, nodes: 2}");

test("a run of two learners completes when both have ended with 0, and both logs are stored", async () => {
  const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const script = (task: LearnerTask) =>
    ({ kind: "exits", exitCode: 0, after: ends[task.learner - 1]?.promise ?? Promise.resolve() }) as const;
  await using bundle = await controlBundle({ script });
  const { id } = await bundle.submit(TWO_LEARNERS);
  const running = await bundle.untilState(id, "running");
  expect(running.devices).toHaveLength(2);
  const variables = bundle.world.executions.map(({ env }) => [env["LEARNER_ID"], env["RANK"], env["WORLD_SIZE"]]);
  expect(variables.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
    ["1", "0", "2"],
    ["2", "1", "2"],
  ]);
  expect(new Set(bundle.world.executions.map(({ env }) => env["MASTER_PORT"])).size).toBe(1);
  ends[0]?.resolve();
  await bundle.restart();
  expect((await bundle.control.runs.get(id)).state).toBe("running");
  ends[1]?.resolve();
  expect((await bundle.untilEnded(id)).state).toBe("completed");
  for (const learner of [1, 2]) expect(await bundle.stored(id, `learner-${learner}/.log-copy-complete`)).toBe("0");
});

test("the first learner that fails ends the run with its number, and the others are stopped", async () => {
  const script = (task: LearnerTask) =>
    task.learner === 2
      ? ({ kind: "exits", exitCode: 3, after: appendFile(join(task.directory, "training-log.txt"), "boom\n") } as const)
      : ({ kind: "runs", onStop: "ends" } as const);
  await using bundle = await controlBundle({ script });
  const run = await bundle.untilEnded((await bundle.submit(TWO_LEARNERS)).id);
  expect(run).toMatchObject({
    state: "failed",
    failure: {
      cause: "program_exit",
      learner: 2,
      exitCode: 3,
      message: expect.stringContaining("Learner 2"),
      logTail: expect.arrayContaining(["boom"]),
    },
  });
});

test("learners start together or not at all: with one device free a run of two waits", async () => {
  await using bundle = await controlBundle({ slots: 2, script: () => ({ kind: "runs", onStop: "ends" }) });
  const first = await bundle.submit();
  await bundle.untilState(first.id, "running");
  const pair = await bundle.submit(TWO_LEARNERS);
  expect(bundle.control.runs.waiting(pair)?.reason).toContain("It needs 2 CPU slots; 1 of 2 are free");
  await bundle.control.runs.requestStop(first.id, 0, { account: "ann" });
  await bundle.untilState(pair.id, "running");
});

test("when one learner does not come up, the others are stopped and the run says which it was", async () => {
  const error = new EngineError("the process table is full", { retryable: false });
  const script = (task: LearnerTask) =>
    task.learner === 2 ? ({ kind: "cannot_start", error } as const) : ({ kind: "runs", onStop: "ends" } as const);
  await using bundle = await controlBundle({ script });
  const run = await bundle.untilEnded((await bundle.submit(TWO_LEARNERS)).id);
  expect(run).toMatchObject({ state: "failed", failure: { cause: "start_failed", phase: "downloading" } });
  expect(run.failure?.message).toContain("learner 2 of 2 did not come up: the process table is full");
});

test("checkpoints are a run's own, unless it asks for those that the bucket's runs share", async () => {
  const seen: string[][] = [];
  const script = (task: LearnerTask) => {
    const folder = task.env["CHECKPOINT_DIR"] ?? "";
    const work = async (): Promise<void> => {
      seen.push(await readdir(folder));
      await writeFile(join(folder, `step-${seen.length}`), "weights");
    };
    return { kind: "exits", exitCode: 0, after: work() } as const;
  };
  await using bundle = await controlBundle({ script });
  const sharing = MANIFEST.replace("resource: small", "resource: small, checkpoints: bucket");
  for (const manifest of [MANIFEST, sharing, sharing, MANIFEST]) {
    expect((await bundle.untilEnded((await bundle.submit(manifest)).id)).state).toBe("completed");
  }
  expect(seen).toEqual([[], [], ["step-2"], []]);
  const models = join(bundle.home, "buckets", "models");
  expect((await readdir(join(models, "_wml_checkpoints"))).toSorted()).toEqual(["step-2", "step-3"]);
  const [own] = (await readdir(models, { recursive: true })).filter((path) => path.endsWith("step-1"));
  expect(own).toMatch(/^training-\w+\/_wml_checkpoints\/step-1$/);
});

test("files that the program left in its working folder are named in a warning and kept on the server", async () => {
  const script = (task: LearnerTask) => {
    const work = async (): Promise<void> => {
      await mkdir(join(task.workingDirectory, "snapshots"));
      await writeFile(join(task.workingDirectory, "snapshots", "model.bin"), "weights");
      await mkdir(join(task.workingDirectory, "__pycache__"));
      await writeFile(join(task.workingDirectory, "__pycache__", "train.pyc"), "compiled");
    };
    return { kind: "exits", exitCode: 0, after: work() } as const;
  };
  await using bundle = await controlBundle({ script });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  const code = join(bundle.home, "runs", run.id, "code");
  expect(run.state).toBe("completed");
  expect(run.warnings.filter((warning) => warning.includes("left"))).toEqual([
    expect.stringMatching(/^The program left 'snapshots\/model\.bin' in its working folder\. .*kept on the server in /),
  ]);
  expect(run.warnings.join()).toContain(code);
  await bundle.control.stop();
  expect(existsSync(join(code, "snapshots", "model.bin"))).toBe(true);
});

test("a program that keeps to its result folder leaves no warning and no working folder", async () => {
  const script = (task: LearnerTask) =>
    ({ kind: "exits", exitCode: 0, after: writeFile(join(task.env["RESULT_DIR"] ?? "", "model"), "weights") }) as const;
  await using bundle = await controlBundle({ script });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  await bundle.control.stop();
  expect(run.warnings.filter((warning) => warning.includes("left"))).toEqual([]);
  expect(existsSync(join(bundle.home, "runs", run.id, "code"))).toBe(false);
});
