import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packDirectory } from "../../src/archive/pack-archive.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { startRadosgw, type Radosgw } from "../servers/radosgw.ts";
import { connectS3, makeBuckets } from "../servers/s3-client.ts";
import { EXAMPLES, trainingData } from "./fashion-mnist.ts";
import { s3Manifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";

/** The page's command, with another number of images and whatever starts the program. */
const PAGE_ARGUMENTS = [
  "--trainImagesFile ${DATA_DIR}/train-images-idx3-ubyte.gz",
  "--trainLabelsFile ${DATA_DIR}/train-labels-idx1-ubyte.gz --testImagesFile ${DATA_DIR}/t10k-images-idx3-ubyte.gz",
  "--testLabelsFile ${DATA_DIR}/t10k-labels-idx1-ubyte.gz --learningRate 0.001",
  "--trainingIters 60000",
].join("\n      ");

const EXAMPLE_PROGRAMS = {
  pytorch: "python3 convolutional_network.py",
  "scikit-learn": "python3 train_mlp.py",
  numpy: "python3 train_mlp.py",
  node: "node train-mlp.mjs",
} as const;

/** The page's story, with the page's commands, against a real S3 server: what a newcomer of 2017 did, step by step. */
describe.skipIf(!isAvailable("s3") || !isAvailable("python-frameworks"))("the page of 2017 comes true", () => {
  let s3: Radosgw;
  let client: S3Client;
  let service: Service;

  beforeAll(async () => {
    [s3, service] = await Promise.all([
      startRadosgw(),
      startService({ configuration: "stores: {retry: {attempts: 3}}\n" }),
    ]);
    client = connectS3(s3);
    await makeBuckets(client, "mnist-training-data", "mnist-training-models", "empty");
    for await (const { name, bytes } of trainingData()) {
      await client.send(new PutObjectCommand({ Bucket: "mnist-training-data", Key: name, Body: bytes }));
    }
  });

  afterAll(async () => {
    client.destroy();
    await Promise.all([s3.stop(), service[Symbol.asyncDispose]()]);
  });

  const manifestFor = (fields: Partial<Parameters<typeof s3Manifest>[0]>): string =>
    s3Manifest({
      endpoint: s3.endpoint,
      accessKeyId: s3.accessKeyId,
      secretAccessKey: s3.secretAccessKey,
      framework: "shell",
      version: "any",
      command: "true",
      ...fields,
    });

  const train = async (manifest: string): Promise<string> => {
    await writeFile(join(service.work, "job.yaml"), manifest);
    const { code, stdout, stderr } = await service.bx(["ml", "train", "tf-model.zip", "job.yaml"]);
    expect([code, stderr]).toEqual([0, ""]);
    const id = /^Starting to train \.\.\.\nOK\nModel-ID is '(training-[A-Za-z0-9]{9})'\n$/.exec(stdout)?.[1];
    expect(id, stdout).toBeDefined();
    return id ?? "";
  };

  const follow = async (id: string) => service.trainyard(["logs", "-f", id, "--exit-status"]);

  const keysOf = async (id: string): Promise<string[]> => {
    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket: "mnist-training-models", Prefix: `${id}/` }),
    );
    return Contents.map(({ Key = "" }) => Key.slice(id.length + 1)).toSorted();
  };

  const textOf = async (id: string, key: string): Promise<string> => {
    const command = new GetObjectCommand({ Bucket: "mnist-training-models", Key: `${id}/${key}` });
    return (await (await client.send(command)).Body?.transformToString()) ?? "";
  };

  const packExample = async (framework: keyof typeof EXAMPLE_PROGRAMS): Promise<void> => {
    await cp(join(EXAMPLES, framework), join(service.work, framework), { recursive: true });
    const zip = join(service.work, "tf-model.zip");
    await rm(zip, { force: true });
    await packDirectory(join(service.work, framework), zip);
  };

  test.each(Object.keys(EXAMPLE_PROGRAMS) as (keyof typeof EXAMPLE_PROGRAMS)[])(
    "a real %s training ends with a model and its logs in the results bucket",
    async (framework) => {
      await packExample(framework);
      const suffix = framework === "pytorch" ? "" : "_reference";
      const command = `${EXAMPLE_PROGRAMS[framework]} ${PAGE_ARGUMENTS}`;
      const id = await train(manifestFor({ framework, version: "latest", command, suffix }));
      const log = await follow(id);
      expect(log.code, log.stdout).toBe(0);
      expect(log.stdout).toMatch(/^Training with training\/test data at:\n {2}DATA_DIR: /);
      expect(log.stdout).toMatch(/Iter \d+, Minibatch Loss= [\d.]+, Training Accuracy= [\d.]+/);
      expect(Number(/Testing Accuracy: ([\d.]+)/.exec(log.stdout)?.[1])).toBeGreaterThanOrEqual(0.8);

      const keys = await keysOf(id);
      expect(keys.filter((key) => key.startsWith("model/"))).not.toEqual([]);
      expect(keys.filter((key) => !key.startsWith("model/"))).toEqual([
        "_submitted_code/model.zip",
        "learner-1/.log-copy-complete",
        "learner-1/evaluation-metrics.txt",
        "learner-1/load-data.log",
        "learner-1/load-model.log",
        "learner-1/training-log.txt",
        "training-log.txt",
      ]);
      expect(await textOf(id, "learner-1/training-log.txt")).toBe(log.stdout);
      expect(await textOf(id, "training-log.txt")).toBe(log.stdout);
      const submitted = createHash("sha256")
        .update(await readFile(join(service.work, "tf-model.zip")))
        .digest("hex");
      expect(JSON.parse((await service.trainyard(["show", id, "-o", "json"])).stdout)).toMatchObject({
        id,
        name: "tf-mnist-showtest1",
        state: "completed",
        attempt: 1,
        failure: null,
        framework: { name: framework, version: "latest" },
        definition: { sha256: submitted },
        results: { bucket: "mnist-training-models", folder: id, objects: keys.length },
      });
    },
  );

  test("list and show print what the page shows, and a failed run stays in both with its reason", async () => {
    await packExample("node");
    const id = await train(manifestFor({ command: "echo about to fail; exit 3" }));
    const followed = await follow(id);
    expect([followed.code, followed.stdout]).toEqual([100, expect.stringContaining("about to fail\n")]);

    const list = await service.bx(["ml", "list", "trained-models"]);
    expect(list.stdout).toMatch(
      /^Fetching the list of trained models \.\.\.\nSI No {3}Name +guid +status +submitted-at\n/,
    );
    expect(list.stdout).toMatch(
      new RegExp(`^\\d+ +tf-mnist-showtest1 +${id} +error +\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$`, "m"),
    );
    expect(list.stdout).toMatch(/\n\n\d+ records found\.\nOK\nList all trained-models successful\n$/);

    const show = await service.bx(["ml", "show", "trained-models", id]);
    expect(show.stdout).toMatch(
      new RegExp(
        `^Fetching the trained model details with MODEL-ID '${id}' \\.\\.\\.\nModelId {8}${id}\nurl {12}/v3/models/${id}\n` +
          `Name {11}tf-mnist-showtest1\nState {10}error\nSubmitted_at {3}\\S+Z\nMessage {8}The program ended with exit code 3\\.\n` +
          `OK\nShow trained-models details successful\n$`,
      ),
    );
    expect(await textOf(id, "training-log.txt")).toContain("about to fail\n");
    const shown = JSON.parse((await service.trainyard(["show", id, "-o", "json"])).stdout) as unknown;
    expect(shown).toMatchObject({
      state: "failed",
      failure: {
        cause: "program_exit",
        phase: "running",
        exitCode: 3,
        signal: null,
        logTail: expect.arrayContaining(["about to fail"]),
      },
    });
  });

  test("delete removes the service's history and leaves the bucket alone", async () => {
    await packExample("node");
    const id = await train(manifestFor({}));
    expect((await follow(id)).code).toBe(0);
    const before = await keysOf(id);
    const { code, stdout } = await service.bx(["ml", "delete", "trained-models", id]);
    expect([code, stdout]).toEqual([
      0,
      `Deleting the trained model '${id}' ...\nOK\nDelete trained-models successful\n`,
    ]);
    expect(await keysOf(id)).toEqual(before);
    expect((await service.bx(["ml", "list", "training-runs"])).stdout).not.toContain(id);
    expect((await service.bx(["ml", "show", "training-runs", id])).code).toBe(1);
    expect((await service.trainyard(["show", id])).stdout).toContain(`trainyard undelete ${id}`);
    expect((await service.trainyard(["delete", "--now", id])).code).toBe(0);
    expect((await service.trainyard(["show", id])).code).toBe(3);
    expect(existsSync(join(service.home, "runs", id))).toBe(false);
  });

  test("a run that is stopped keeps its logs and what it produced", async () => {
    await packExample("node");
    const command = `trap 'echo caught; exit 1' TERM; echo half > $RESULT_DIR/checkpoint; echo ready; while true; do sleep 0.1; done`;
    const id = await train(manifestFor({ command: JSON.stringify(command) }));
    await expect
      .poll(async () => (await service.trainyard(["logs", id])).stdout, { timeout: 30_000 })
      .toContain("ready");
    const stopped = await service.trainyard(["stop", id, "--grace", "10", "--wait"]);
    expect([stopped.code, stopped.stderr]).toEqual([0, expect.stringContaining("canceled")]);
    expect(await textOf(id, "checkpoint")).toBe("half\n");
    expect(await textOf(id, "training-log.txt")).toContain("caught\n");
    expect(await keysOf(id)).toContain("learner-1/.log-copy-complete");
  });

  test.each([
    ["a wrong key", { secretAccessKey: "not-the-secret-key" }, "data_denied"],
    ["a missing bucket", { dataBucket: "no-such-bucket" }, "data_missing"],
    ["an empty bucket", { dataBucket: "empty" }, "data_missing"],
    ["a wrong endpoint", { endpoint: "http://127.0.0.1:9" }, "data_unreachable"],
  ])("%s for the training data ends the run with a cause and a hint", async (_what, fields, cause) => {
    await packExample("node");
    const id = await train(manifestFor(fields));
    const { code } = await follow(id);
    const run = JSON.parse((await service.trainyard(["show", id, "-o", "json"])).stdout) as Record<string, unknown>;
    expect(code).toBe(100);
    expect(run).toMatchObject({ state: "failed", startedAt: null, failure: { cause, phase: "downloading" } });
    expect(JSON.stringify(run)).not.toContain(s3.secretAccessKey);
  });

  test("a results bucket that is not there ends the run as failed, and names where the results are kept", async () => {
    await packExample("node");
    const id = await train(
      manifestFor({ command: "echo weights > $RESULT_DIR/model.bin", resultsBucket: "no-such-bucket" }),
    );
    expect((await follow(id)).code).toBe(100);
    const run = JSON.parse((await service.trainyard(["show", id, "-o", "json"])).stdout) as {
      failure: { cause: string; hint: string };
      results: { localCopy: string };
    };
    expect(run.failure.cause).toBe("results_not_stored");
    expect(run.failure.hint).toContain(run.results.localCopy);
    expect(await readFile(join(run.results.localCopy, "model.bin"), "utf8")).toBe("weights\n");
  });

  test("no answer, log or file outside the sealed store shows the secret key", async () => {
    const { stdout } = await service.trainyard(["list", "--all", "-o", "json"]);
    expect(stdout).not.toContain(s3.secretAccessKey);
    const grep = await readdir(service.home, { recursive: true, withFileTypes: true });
    for (const entry of grep.filter((found) => found.isFile())) {
      const bytes = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
      expect(bytes.includes(s3.secretAccessKey), entry.name).toBe(false);
    }
  });
});
