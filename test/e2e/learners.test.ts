import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAvailable } from "../../tools/requirements.ts";
import { directoryManifest } from "./manifests.ts";
import { ROOT, startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

const EXAMPLE = join(ROOT, "examples", "fashion-mnist");

interface Shown {
  readonly state: string;
  readonly learners: number;
  readonly failure: { readonly learner: number | null; readonly cause: string; readonly message: string } | null;
}

async function show(service: Service, id: string): Promise<Shown> {
  return JSON.parse((await service.trainyard(["show", id, "-o", "json"])).stdout) as Shown;
}

async function submitPair(service: Service, command: string): Promise<{ id: string; code: number | null }> {
  await writeZip(join(service.work, "model.zip"), { "readme.txt": "nothing\n" });
  const manifest = directoryManifest({ command }).replace(
    "resource: small",
    "compute_configuration: {name: small, nodes: 2}",
  );
  await writeFile(join(service.work, "job.yaml"), manifest);
  const { stdout, code } = await service.trainyard(["submit", "model.zip", "job.yaml", "-q", "--wait"]);
  return { id: stdout.trim(), code };
}

test.skipIf(!isAvailable("python-frameworks"))("two learners train one network with PyTorch's gloo", async () => {
  await using service = await startService();
  const bucket = join(service.home, "buckets", "fashion-mnist-training-data");
  await mkdir(bucket, { recursive: true });
  for (const name of await readdir(join(EXAMPLE, "data"))) {
    if (name.endsWith(".gz")) await cp(join(EXAMPLE, "data", name), join(bucket, name));
  }
  const folder = join(EXAMPLE, "pytorch-distributed");
  const { code, stdout } = await service.trainyard(["submit", folder, join(folder, "job.yaml"), "-q", "--wait"]);
  const id = stdout.trim();
  expect(code, JSON.stringify(await show(service, id))).toBe(0);

  const results = join(service.home, "buckets", "fashion-mnist-training-models", id);
  const logs = await Promise.all(
    [1, 2].map(async (learner) => readFile(join(results, `learner-${learner}`, "training-log.txt"), "utf8")),
  );
  for (const [index, log] of logs.entries()) {
    expect(log).toContain(`Learner ${index + 1} of 2 is here.`);
    expect(Number(/Testing Accuracy: ([\d.]+)/.exec(log)?.[1])).toBeGreaterThanOrEqual(0.8);
  }
  // One network: both measured the same weights.
  const accuracies = logs.map((log) => /Testing Accuracy: ([\d.]+)/.exec(log)?.[1]);
  expect(accuracies[0]).toBe(accuracies[1]);
  expect(await readdir(join(results, "model"))).toEqual(["model.pt"]);
  expect((await service.trainyard(["logs", id, "--learner", "2"])).stdout).toBe(logs[1]);
});

test("a learner that fails ends the run with its number, and no process of the others is left", async () => {
  await using service = await startService();
  const command = `if [ $LEARNER_ID = 2 ]; then echo boom; exit 9; fi; echo $$ > $RESULT_DIR/pid; exec sleep 1000`;
  const { id, code } = await submitPair(service, command);
  expect(code).toBe(100);
  const run = await show(service, id);
  expect(run).toMatchObject({ state: "failed", learners: 2, failure: { learner: 2, cause: "program_exit" } });
  const pid = await readFile(join(service.home, "buckets", "models", id, "pid"), "utf8").catch(() => "");
  if (pid !== "") await expect(readFile(`/proc/${pid.trim()}/stat`)).rejects.toThrow("ENOENT");
});

test("learners share the state folder and know their peers, and a restart of the server ends neither", async () => {
  await using service = await startService();
  const command = [
    `echo "$LEARNER_ID of $NUM_LEARNERS rank $RANK at $MASTER_ADDR" > $JOB_STATE_DIR/$LEARNER_ID`,
    `while [ ! -e $JOB_STATE_DIR/go ]; do sleep 0.05; done; cat $JOB_STATE_DIR/1 $JOB_STATE_DIR/2`,
  ].join("; ");
  const submitted = submitPair(service, command);
  await expect
    .poll(async () => (await service.trainyard(["list", "--state", "running", "-o", "name"])).stdout, {
      timeout: 30_000,
    })
    .toMatch(/^training-/);
  const id = (await service.trainyard(["list", "-o", "name"])).stdout.trim();
  await service.kill();
  await service.start();
  await writeFile(join(service.home, "runs", id, "state", "go"), "");
  expect((await submitted).code).toBe(0);
  const log = (await service.trainyard(["logs", id, "--learner", "2"])).stdout;
  expect(log).toContain("1 of 2 rank 0 at 127.0.0.1\n2 of 2 rank 1 at 127.0.0.1\n");
});
