import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAvailable } from "../../tools/requirements.ts";
import { RawSwift } from "../servers/raw-swift.ts";
import { startSwiftKeystone } from "../servers/swift-keystone.ts";
import { EXAMPLES, trainingData } from "./fashion-mnist.ts";
import { ROOT, startService } from "./service.ts";
import { writeZip } from "./zip.ts";

/** The operator's explicit word: what 2017's TensorFlow manifests ask for is served by a Python with numpy here. */
const CONFIGURATION = `
environments:
  - framework: tensorflow
    version: 1.2-py3
    python: /usr/bin/python3
    probe: python3 -c "import numpy"
`;

test.skipIf(!isAvailable("swift") || !isAvailable("python-frameworks"))(
  "the page's second example, unedited but for address and login, trains from and to real Swift with Keystone",
  async () => {
    await using swift = await startSwiftKeystone();
    await using service = await startService({ configuration: CONFIGURATION });
    const raw = await RawSwift.login(swift);
    await raw.send("PUT", "mnist-training-data");
    await raw.send("PUT", "mnist-training-models");
    for await (const { name, bytes } of trainingData()) await raw.send("PUT", `mnist-training-data/${name}`, bytes);

    const page = await readFile(join(ROOT, "test/fixtures/manifests/page-swift.yml"), "utf8");
    const manifest = page
      .replaceAll("<auth-url>", swift.authUrl.replace(/\/v3$/, ""))
      .replaceAll("<username>", swift.userName)
      .replaceAll("<password>", swift.password)
      .replaceAll("<region>", swift.region)
      .replaceAll("<domain-name>", swift.domainName)
      .replaceAll("<project-id>", swift.projectId);
    expect(manifest).not.toMatch(/<[a-z-]+>/);
    await writeFile(join(service.work, "job.yaml"), manifest);
    const program = await readFile(join(EXAMPLES, "numpy", "train_mlp.py"), "utf8");
    const reader = await readFile(join(EXAMPLES, "numpy", "input_data.py"), "utf8");
    await writeZip(join(service.work, "tf-model.zip"), {
      "convolutional_network.py": program,
      "input_data.py": reader,
    });

    const trained = await service.bx(["ml", "train", "tf-model.zip", "job.yaml"]);
    expect([trained.code, trained.stderr]).toEqual([0, ""]);
    const id = /'(training-\w+)'/.exec(trained.stdout)?.[1] ?? "";
    const log = await service.trainyard(["logs", "-f", id, "--exit-status"]);
    expect(log.code, `${log.stdout}\n${(await service.trainyard(["show", id])).stdout}`).toBe(0);
    expect(Number(/Testing Accuracy: ([\d.]+)/.exec(log.stdout)?.[1])).toBeGreaterThanOrEqual(0.8);

    const names = (await raw.names("mnist-training-models")).filter((name) => name.startsWith(`${id}/`));
    expect(names).toEqual(
      expect.arrayContaining([
        `${id}/_submitted_code/model.zip`,
        `${id}/learner-1/.log-copy-complete`,
        `${id}/learner-1/evaluation-metrics.txt`,
        `${id}/learner-1/load-data.log`,
        `${id}/learner-1/training-log.txt`,
        `${id}/training-log.txt`,
      ]),
    );
    const stored = await raw.send("GET", `mnist-training-models/${id}/training-log.txt`);
    expect(await stored.text()).toBe(log.stdout);
    expect((await service.trainyard(["results", id])).stdout).toContain("model/");
  },
);
