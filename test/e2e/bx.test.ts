// Every command of `bx ml` against a real server, found by the client's own variables, as a user of 2018 had them.
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { directoryManifest } from "./manifests.ts";
import { startService, type Finished, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

const DEADLINE_MS = 30_000;

let service: Service;
let variables: Record<string, string>;

beforeAll(async () => {
  service = await startService({ configuration: "stop: {grace_seconds: 1}\n" });
  await writeZip(join(service.work, "tf-model.zip"), { "readme.txt": "nothing\n" });
  variables = {
    TRAINYARD_HOME: "",
    ML_ENV: await service.url(),
    ML_PASSWORD: await service.token(),
    ML_USERNAME: "ann",
    ML_INSTANCE: "6a1f0c1e",
  };
});
afterAll(async () => service[Symbol.asyncDispose]());

async function bx(...words: string[]): Promise<Finished> {
  return service.bx(["ml", ...words], { env: variables });
}

async function train(command: string): Promise<string> {
  await writeFile(join(service.work, "job.yaml"), directoryManifest({ command, name: "tf-mnist" }));
  const { code, stdout, stderr } = await bx("train", "tf-model.zip", "job.yaml");
  expect([code, stderr]).toEqual([0, ""]);
  return /^Starting to train \.\.\.\nOK\nModel-ID is '(training-[A-Za-z0-9]{9})'\n$/.exec(stdout)?.[1] ?? stdout;
}

/** Runs a command until its output fits, for what takes a moment. */
async function eventually(pattern: RegExp, ...words: string[]): Promise<Finished> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const finished = await bx(...words);
    if (pattern.test(finished.stdout)) return finished;
    if (Date.now() > deadline) throw new Error(`No ${pattern.source} in: ${finished.stdout}${finished.stderr}`);
    await delay(100);
  }
}

function bucketOf(id: string): string {
  return join(service.home, "buckets", "models", id);
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;

describe("a run's way, in the words of both years", () => {
  let id: string;
  const goOn = (): string => join(service.work, "go-on");

  beforeAll(async () => {
    id = await train(`echo waiting; until [ -e ${goOn()} ]; do sleep 0.05; done; echo trained > $RESULT_DIR/model`);
    await eventually(/State +running/, "show", "trained-models", id);
  });

  test("list", async () => {
    const old = await bx("list", "trained-models");
    expect(old).toMatchObject({ code: 0, stderr: "" });
    expect(old.stdout).toMatch(
      new RegExp(
        `^Fetching the list of trained models \\.\\.\\.\nSI No   Name                       guid                 status    submitted-at\n1       tf-mnist                   ${id}   running   ${TIME}\n\n1 records found\\.\nOK\nList all trained-models successful\n$`,
      ),
    );
    const recent = await bx("list", "training-runs");
    expect(recent.stdout).toMatch(new RegExp(`\n1 +tf-mnist +${id}   running   shell +any +${TIME}\n`));
    expect(recent.stdout).toMatch(/OK\nList all training-runs successful\n$/);
  });

  test("list frameworks", async () => {
    const { code, stdout } = await bx("list", "frameworks");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Fetching the list of frameworks \.\.\.\nSI No   Name +Version\n1 +/);
    expect(stdout).toMatch(/\n\d+ +shell +any\n(?:.*\n)*\n\d+ records found\.\nOK\nList frameworks successful\n$/);
  });

  test("show", async () => {
    const old = await bx("show", "trained-models", id);
    expect(old.stdout).toMatch(
      new RegExp(
        `^Fetching the trained model details with MODEL-ID '${id}' \\.\\.\\.\nModelId        ${id}\nurl            /v3/models/${id}\nName           tf-mnist\nState          running\nSubmitted_at   ${TIME}\nOK\nShow trained-models details successful\n$`,
      ),
    );
    const { stdout } = await bx("show", "training-runs", id);
    const titles = stdout.split("\n").map((line) => line.split(/ {3,}/)[0]);
    expect(titles.slice(1, -4)).toEqual([
      "ModelId",
      "url",
      "Name",
      "Training definition ID",
      "Command",
      "Target bucket",
      "Framework name",
      "Framework version",
      "State",
    ]);
    expect(stdout).toMatch(
      /\nTraining definition ID {3}[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n/,
    );
  });

  test("monitor, to the end", async () => {
    const plain = bx("monitor", "training-runs", id);
    const prefixed = bx("monitor", "training-runs", id, "logs");
    await writeFile(goOn(), "");
    const { code, stdout, stderr } = await plain;
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(new RegExp(`^Starting to fetch status messages for model-id '${id}'\n\\.\\.\\.\nStatus: `));
    expect(stdout).toContain("\nTraining with training/test data at:\n  DATA_DIR: ");
    expect(stdout).toContain("\nwaiting\n");
    expect(stdout).toMatch(/\nStatus: COMPLETED\n/);
    const logs = await prefixed;
    expect(logs.code).toBe(0);
    expect(logs.stdout).toContain("\n[--LOGS]      waiting\n");
    const last = await bx("monitor", "training-runs", id, "logs", "last", "1");
    expect(last.stdout.match(/\[--LOGS\]/g)).toHaveLength(1);
    const metrics = await bx("monitor", "training-runs", id, "metrics");
    expect([metrics.code, metrics.stderr]).toEqual([0, ""]);
    expect(metrics.stdout).toMatch(/^Starting to fetch status and metrics messages for model-id '[^']+'\n/);
    expect(metrics.stdout).toContain("\nStatus: COMPLETED\n");
  });

  test("store, deploy and score, which are no part of this", async () => {
    const stored = await bx("store", "training-runs", id);
    expect(stored).toMatchObject({ code: 1, stdout: "" });
    expect(stored.stderr).toMatch(`the results of run ${id} are in bucket 'models', folder '${id}'.`);
    for (const command of ["deploy", "score"]) expect((await bx(command, id, "x")).code).toBe(1);
  });

  test("delete, which leaves the bucket alone", async () => {
    const deleted = await bx("delete", "trained-models", id);
    expect(deleted).toEqual({
      code: 0,
      stdout: `Deleting the trained model '${id}' ...\nOK\nDelete trained-models successful\n`,
      stderr: "",
    });
    expect((await bx("show", "trained-models", id)).code).toBe(1);
    expect(await readFile(join(bucketOf(id), "model"), "utf8")).toBe("trained\n");
  });
});

describe("stop", () => {
  const POLITE =
    "trap 'echo partial > $RESULT_DIR/checkpoint; exit 143' TERM; echo ready; while :; do sleep 0.05; done";
  const DEAF = "trap '' TERM; echo ready > $RESULT_DIR/checkpoint; echo ready; while :; do sleep 0.05; done";

  async function startReady(command: string): Promise<string> {
    const id = await train(command);
    const log = async () => (await service.trainyard(["logs", id])).stdout;
    await expect.poll(log, { timeout: DEADLINE_MS }).toContain("\nready\n");
    return id;
  }

  async function expectCanceledWithPartialResults(id: string): Promise<void> {
    const watched = await bx("monitor", "training-runs", id);
    expect(watched.code).toBe(1);
    expect(watched.stdout).toMatch(/\nStatus: HALTED\n/);
    expect(watched.stderr).toBe(`FAILED\nRun ${id} was canceled.\n`);
    expect((await bx("show", "training-runs", id)).stdout).toMatch(/\nState +canceled\n/);
    const story = (await service.trainyard(["events", id])).stdout;
    expect(story).toMatch(/Storing logs and results[^]*Ended as canceled/);
    expect(await readdir(bucketOf(id))).toEqual(
      expect.arrayContaining(["checkpoint", "learner-1", "training-log.txt"]),
    );
    expect(await readFile(join(bucketOf(id), "training-log.txt"), "utf8")).toContain("\nready\n");
    expect(existsSync(join(bucketOf(id), "learner-1", ".log-copy-complete"))).toBe(true);
  }

  test("bx ml cancel asks the program, which ends by itself, and keeps what it has produced", async () => {
    const id = await startReady(POLITE);
    expect(await bx("cancel", "training-runs", id)).toEqual({
      code: 0,
      stdout: `Canceling training for MODEL-ID '${id}'...\nOK\nCancel training successful\n`,
      stderr: "",
    });
    await expectCanceledWithPartialResults(id);
    expect(await readFile(join(bucketOf(id), "checkpoint"), "utf8")).toBe("partial\n");
    expect((await bx("cancel", "training-runs", id)).code).toBe(1);
  });

  test("bx ml cancel insists after the grace where the program does not listen", async () => {
    const id = await startReady(DEAF);
    expect((await bx("cancel", "trained-models", id)).code).toBe(0);
    await expectCanceledWithPartialResults(id);
  });

  test("trainyard stop does the same, with a grace of its own", async () => {
    const polite = await startReady(POLITE);
    const stopped = await service.trainyard(["stop", polite, "--wait", "-q"]);
    expect(stopped).toEqual({ code: 0, stdout: `${polite}\n`, stderr: "" });
    await expectCanceledWithPartialResults(polite);
    const deaf = await startReady(DEAF);
    expect((await service.trainyard(["stop", deaf, "--grace", "0", "--wait", "-q"])).code).toBe(0);
    await expectCanceledWithPartialResults(deaf);
  });
});

test("monitor and show tell why a run failed, and monitor ends with 1", async () => {
  const id = await train("echo bad luck; exit 3");
  const { code, stdout, stderr } = await bx("monitor", "training-runs", id);
  expect(code).toBe(1);
  expect(stdout).toContain("\nbad luck\n");
  expect(stdout).toMatch(/Status: FAILED\n/);
  expect(stderr).toMatch(`FAILED\nRun ${id} failed: The program ended with exit code 3.\n`);
  expect((await bx("show", "trained-models", id)).stdout).toContain(
    "Message        The program ended with exit code 3.\n",
  );
});

test("generate-manifest writes samples, and train asks to fill in the first one", async () => {
  for (const noun of ["training-runs", "training-definitions", "experiments"]) {
    const { code, stdout } = await bx("generate-manifest", noun);
    expect([code, stdout]).toEqual([0, `OK\nA sample manifest file is generated under ${noun}.yml\n`]);
    expect((await bx("generate-manifest", noun)).code).toBe(1);
  }
  const { code, stderr } = await bx("train", "tf-model.zip", "training-runs.yml");
  expect(code).toBe(1);
  expect(stderr).toContain("training-runs.yml:");
  expect(stderr).toContain("not filled in");
});

test("help and version need no server", async () => {
  const nowhere = { env: { TRAINYARD_HOME: "", HOME: service.work } };
  for (const words of [["ml"], ["ml", "help"], ["ml", "train", "-h"], ["ml", "version"]]) {
    expect(await service.bx(words, nowhere)).toMatchObject({ code: 0, stderr: "" });
  }
});
