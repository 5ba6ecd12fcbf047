import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { isAvailable } from "../../tools/requirements.ts";
import { startRadosgw } from "../servers/radosgw.ts";
import { connectS3, makeBuckets } from "../servers/s3-client.ts";
import { EXAMPLES, trainingData } from "./fashion-mnist.ts";
import { ROOT, startService } from "./service.ts";
import { writeZip } from "./zip.ts";

const PROGRAMS = join(ROOT, "test", "fixtures", "programs", "tensorflow1");

/** The operator's explicit word: what 2017's manifests call TensorFlow 1.2 is TensorFlow 2, in its compatibility mode. */
const CONFIGURATION = `environments: [{framework: tensorflow, version: 1.2-py3, served_by: "2"}]\n`;

test.skipIf(!isAvailable("s3") || !isAvailable("package-index"))(
  "the page's first example, unedited but for endpoint and keys, trains with TensorFlow from and to real S3",
  { timeout: 600_000 },
  async () => {
    await using s3 = await startRadosgw();
    await using service = await startService({ configuration: CONFIGURATION });
    const client = connectS3(s3);
    await makeBuckets(client, "mnist-training-data", "mnist-training-models");
    for await (const { name, bytes } of trainingData()) {
      await client.send(new PutObjectCommand({ Bucket: "mnist-training-data", Key: name, Body: bytes }));
    }
    const page = await readFile(join(ROOT, "test/fixtures/manifests/page-s3.yml"), "utf8");
    const manifest = page
      .replaceAll("<auth-url>", s3.endpoint)
      .replaceAll("<username>", s3.accessKeyId)
      .replaceAll("<password>", s3.secretAccessKey);
    expect(manifest).not.toMatch(/<[a-z-]+>/);
    await writeFile(join(service.work, "job.yaml"), manifest);
    await writeZip(join(service.work, "tf-model.zip"), {
      "convolutional_network.py": await readFile(join(PROGRAMS, "convolutional_network.py"), "utf8"),
      "input_data.py": await readFile(join(EXAMPLES, "numpy", "input_data.py"), "utf8"),
    });

    const trained = await service.bx(["ml", "train", "tf-model.zip", "job.yaml"]);
    expect([trained.code, trained.stderr]).toEqual([0, ""]);
    const id = /'(training-\w+)'/.exec(trained.stdout)?.[1] ?? "";
    const log = await service.trainyard(["logs", "-f", id, "--exit-status"]);
    const shown = (await service.trainyard(["show", id])).stdout;
    expect(log.code, `${log.stdout.slice(-3000)}\n${shown}`).toBe(0);
    expect(log.stdout).toContain("Iter 2000000, Minibatch Loss= ");
    expect(Number(/Testing Accuracy: ([\d.]+)/.exec(log.stdout)?.[1])).toBeGreaterThanOrEqual(0.8);
    // Nothing is silently run on something else: the run itself says what served it.
    expect(shown).toMatch(/Environment +TensorFlow 2\.\S+ .*1\.2-py3/);

    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket: "mnist-training-models", Prefix: `${id}/` }),
    );
    const keys = Contents.map(({ Key = "" }) => Key.slice(id.length + 1));
    expect(keys).toEqual(
      expect.arrayContaining([
        "_submitted_code/model.zip",
        "learner-1/.log-copy-complete",
        "learner-1/evaluation-metrics.txt",
        "learner-1/requirements.lock",
        "learner-1/training-log.txt",
        "model/saved_model.pb",
        "saved_model.tar.gz",
        "training-log.txt",
      ]),
    );
    client.destroy();
  },
);
