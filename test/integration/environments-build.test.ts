// Environments built from the package index that this machine reaches, by real servers and real tools.
import { existsSync, globSync, readFileSync, readdirSync } from "node:fs";
import { cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EnvironmentList } from "../../src/contract/environment.ts";
import type { RunView } from "../../src/contract/run.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { ROOT, startService, type Service } from "../e2e/service.ts";
import { writeZip } from "../e2e/zip.ts";

const EXAMPLE = join(ROOT, "examples", "fashion-mnist");
const ID = /^[0-9a-f]{16}$/;

const ALIASES = `
environments:
  - {framework: numpy, version: 1.0-py3, served_by: "2", env: {SERVED: as-1.0}}
  - {framework: tensorflow, version: 1.5-py3, served_by: tensorflow-v1 2, env: {TF_CPP_MIN_LOG_LEVEL: "2"}}
`;

describe.skipIf(!isAvailable("package-index"))("environments from a package index", () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ configuration: ALIASES });
  });
  afterAll(async () => service?.[Symbol.asyncDispose]());

  test("ten runs with the same requirements wait for one build", async () => {
    const files = {
      "requirements.txt": "six  # of any version\n",
      "main.py": "import six; print('six', six.__version__)",
    };
    const ids: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      ids.push(await submit(service, { framework: "python", requirements: "requirements.txt", files }));
    }
    const runs = await Promise.all(ids.map(async (id) => ended(service, id)));
    expect(runs.map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => "completed"));
    const [log = "", ...others] = buildLogs(service);
    expect(others).toEqual([]);
    expect(log.match(/^Building environment/gm)).toHaveLength(1);
    const [id] = builtFolders(service);
    for (const run of runs) {
      expect(run.framework.environment).toMatch(
        new RegExp(`^Python 3\\.\\d+\\.\\d+ with further requirements \\(built environment ${id}\\)$`),
      );
      const results = resultFolder(service, run);
      expect(await readFile(join(results, "training-log.txt"), "utf8")).toMatch(/^six 1\.\d+/m);
      expect(await readFile(join(results, "learner-1/load-model.log"), "utf8")).toContain("Environment: Python 3");
      expect(await readFile(join(results, "learner-1/requirements.lock"), "utf8")).toMatch(
        /^six==1[^\n]*\\\n *--hash=/m,
      );
    }
    // Whoever was there when the build ended has it in his own log, from its first line.
    const told = runs.filter((run) => readLog(service, run, "load-model.log").includes("Built environment"));
    expect(told.length).toBeGreaterThan(0);
    expect(readLog(service, told[0] as RunView, "load-model.log")).toContain("Building environment");
  });

  test("a build ends once the last run that waits for it is stopped", async () => {
    const wanted = { framework: "tensorflow", version: "2", files: { "main.py": "import tensorflow" } };
    const ids = [await submit(service, wanted), await submit(service, wanted)];
    const half = await until(() => unfinished(service));
    const [first = "", last = ""] = ids;
    await service.trainyard(["stop", "-q", "--wait", first]);
    expect(processesOf(join(service.home, "environments", half))).not.toEqual([]);
    await service.trainyard(["stop", "-q", "--wait", last]);
    for (const id of ids) expect(await show(service, id)).toMatchObject({ state: "canceled", failure: null });
    await until(() => !existsSync(join(service.home, "environments", half)) || undefined);
    expect(processesOf(join(service.home, "environments", half))).toEqual([]);
    expect(await readFile(join(service.home, "environments", `${half}.log`), "utf8")).toContain("Aborted");
  });

  test("a version that the index does not have is refused at submission, with what the resolver says", async () => {
    const manifest = await writeSubmission(service, {
      framework: "tensorflow",
      version: "1.2-py3",
      files: PRINT_NUMPY,
    });
    const { code, stderr } = await service.trainyard(["submit", ...manifest]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Framework tensorflow 1\.2-py3 cannot run here: .*nothing that fits.*tensorflow-cpu==1\.2/);
    expect(stderr).toMatch(/hint: .*served_by/);
  });

  test("requirements that cannot be met fail the run with a cause of its own and the resolver's last lines", async () => {
    const files = { ...PRINT_NUMPY, "requirements.txt": "six==99.1\n" };
    const run = await ended(
      service,
      await submit(service, { framework: "numpy", requirements: "requirements.txt", files }),
    );
    expect(run).toMatchObject({ state: "failed", failure: { cause: "environment_not_built", turn: "place" } });
    expect(run.failure?.logTail.join("\n")).toMatch(/six==99\.1/);
    expect(run.failure?.hint).toContain("mend the requirements");
    expect(readLog(service, run, "load-model.log")).toMatch(/Failed: Resolving .*six==99\.1 failed/);
  });

  test("an alias is the operator's word, and is shown wherever the environment is", async () => {
    const files = { "main.py": "import os, numpy; print(numpy.__version__, os.environ['SERVED'])" };
    const run = await ended(service, await submit(service, { framework: "numpy", version: "1.0-py3", files }));
    expect(run.state).toBe("completed");
    expect(run.framework.environment).toMatch(/^NumPy 2\..*, serving numpy 1\.0-py3 by the operator's alias$/);
    expect(readLog(service, run, "load-model.log")).toContain("serving numpy 1.0-py3 by the operator's alias");
    expect(readLog(service, run, "training-log.txt")).toMatch(/^2\.\d.* as-1\.0$/m);
  });

  test("an environment in use is not removed, and one that is not is built again when it is asked for", async () => {
    const files = { "main.py": "import numpy, time; print('up', flush=True); time.sleep(600)" };
    const id = await submit(service, { framework: "numpy", version: "2", files });
    await until(async () => (await show(service, id)).state === "running" || undefined);
    const { environments } = await list(service);
    const [used] = environments.filter(({ inUse }) => inUse).map((one) => one.id ?? "");
    const refused = await service.trainyard(["environments", "remove", used ?? ""]);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining("live runs use it")]);
    await service.trainyard(["stop", "-q", "--wait", "--grace", "0", id]);
    expect((await service.trainyard(["environments", "remove", used ?? ""])).code).toBe(0);
    expect(builtFolders(service)).not.toContain(used);
    const gone = await service.trainyard(["environments", "remove", used ?? ""]);
    expect([gone.code, gone.stderr]).toEqual([3, expect.stringContaining("No environment")]);
    const again = await service.trainyard(["environments", "build", "numpy", "2", "-o", "name"]);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{16}\n$/) });
  });

  test("TensorFlow 2 is built when the example asks for it, over a crash of the server, and trains it", async (context) => {
    await cp(join(EXAMPLE, "data"), join(service.home, "buckets/fashion-mnist-training-data"), { recursive: true });
    const folder = join(EXAMPLE, "tensorflow");
    const startedMs = performance.now();
    const submitted = await service.trainyard(["submit", "-q", folder, join(folder, "job.yaml")]);
    const half = await until(() => unfinished(service));
    await service.kill();
    expect(isComplete(service, half)).toBe(false);
    await until(() => processesOf(join(service.home, "environments", half)).length === 0 || undefined);
    await service.start();
    const run = await ended(service, submitted.stdout.trim(), 220_000);
    expect(run, JSON.stringify(run.failure)).toMatchObject({ state: "completed" });
    expect(run.framework.environment).toMatch(/^TensorFlow 2\.\d+\.\d+ on Python 3/);
    const results = join(service.home, "buckets/fashion-mnist-training-models", run.id);
    const log = await readFile(join(results, "training-log.txt"), "utf8");
    expect(Number(/^Testing Accuracy: (\S+)$/m.exec(log)?.[1])).toBeGreaterThan(0.8);
    expect((await stat(join(results, "model/saved_model.pb"))).size).toBeGreaterThan(10_000);
    expect(await readFile(join(results, "learner-1/requirements.lock"), "utf8")).toMatch(/^tensorflow(?:-cpu)?==2\./m);
    const { environments } = await list(service);
    const built = environments.find(({ framework }) => framework === "tensorflow");
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    await context.annotate(`${built?.label}: ${built?.sizeBytes} bytes, built and trained in ${seconds} s`);
  }, 240_000);

  test("two learners train one network with TensorFlow's multi-worker strategy", async () => {
    const folder = join(EXAMPLE, "tensorflow-distributed");
    const submitted = await service.trainyard(["submit", "-q", folder, join(folder, "job.yaml")]);
    const run = await ended(service, submitted.stdout.trim(), 150_000);
    expect(run, JSON.stringify(run.failure)).toMatchObject({ state: "completed", learners: 2 });
    const results = join(service.home, "buckets/fashion-mnist-training-models", run.id);
    const logs = [1, 2].map((learner) => readFileSync(join(results, `learner-${learner}/training-log.txt`), "utf8"));
    const accuracies = logs.map((log) => Number(/^Testing Accuracy: (\S+)$/m.exec(log)?.[1]));
    expect(accuracies[0]).toBeGreaterThan(0.8);
    expect(accuracies[1]).toBe(accuracies[0]); // one network, not two
    expect(existsSync(join(results, "model/weights.npz"))).toBe(true);
  }, 160_000);

  test("a program of TensorFlow 1 trains, unedited, where the operator lets version 2 serve it", async () => {
    const read = async (path: string): Promise<string> => readFile(join(ROOT, path), "utf8");
    const files = {
      "main.py": await read("test/fixtures/programs/tensorflow_1.py"),
      "input_data.py": await read("examples/fashion-mnist/tensorflow/input_data.py"),
    };
    const command = `python3 main.py ${join(EXAMPLE, "data")}`;
    const id = await submit(service, { framework: "tensorflow", version: "1.5-py3", command, files });
    const run = await ended(service, id, 170_000);
    expect(run, JSON.stringify(run.failure)).toMatchObject({ state: "completed" });
    expect(run.framework.environment).toMatch(
      /^TensorFlow 1 interface 2\..*, serving tensorflow 1\.5-py3 by the operator's alias$/,
    );
    const log = readLog(service, run, "training-log.txt");
    expect(log).toMatch(/^TensorFlow 2\.\d+\.\d+ eager: False$/m);
    expect(Number(/^Testing Accuracy: (\S+)$/m.exec(log)?.[1])).toBeGreaterThan(0.75);
    expect(existsSync(join(resultFolder(service, run), "model/saved_model.pb"))).toBe(true);
  }, 180_000);
});

describe.skipIf(!isAvailable("package-index"))("without the index", () => {
  test("an index that is not reached is told apart from one that has nothing", async () => {
    const variables = { PIP_INDEX_URL: "http://127.0.0.1:1/simple", UV_DEFAULT_INDEX: "http://127.0.0.1:1/simple" };
    await using _restored = setVariables({ ...variables, PIP_RETRIES: "1", UV_HTTP_RETRIES: "0" });
    await using cut = await startService();
    const { code, stderr } = await cut.trainyard([
      "submit",
      ...(await writeSubmission(cut, { framework: "numpy", version: "2.2", files: PRINT_NUMPY })),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("the package index did not answer");
    expect(stderr).toContain("PIP_INDEX_URL");
  });
});

const PRINT_NUMPY = { "main.py": "import numpy; print('numpy', numpy.__version__)" };

interface Wanted {
  readonly framework: string;
  readonly version?: string;
  readonly requirements?: string;
  readonly command?: string;
  readonly files: Readonly<Record<string, string>>;
}

let submissions = 0;

async function writeSubmission(service: Service, wanted: Wanted): Promise<[string, string]> {
  const folder = join(service.work, `submission-${(submissions += 1)}`);
  await mkdir(folder);
  const [zip, manifest] = [join(folder, "model.zip"), join(folder, "job.yaml")];
  await writeZip(zip, wanted.files);
  const framework = { name: wanted.framework, version: wanted.version ?? "any", requirements: wanted.requirements };
  await writeFile(
    manifest,
    JSON.stringify({
      model_definition: { name: "build", framework, execution: { command: wanted.command ?? "python3 main.py" } },
      training_results_reference: { target: { bucket: "models", type: "directory" } },
    }),
  );
  return [zip, manifest];
}

async function submit(service: Service, wanted: Wanted): Promise<string> {
  const { code, stdout, stderr } = await service.trainyard([
    "submit",
    "-q",
    ...(await writeSubmission(service, wanted)),
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

async function show(service: Service, id: string): Promise<RunView> {
  return JSON.parse((await service.trainyard(["show", id, "-o", "json"])).stdout) as RunView;
}

async function list(service: Service): Promise<EnvironmentList> {
  return JSON.parse((await service.trainyard(["environments", "list", "-o", "json"])).stdout) as EnvironmentList;
}

async function ended(service: Service, id: string, limitMs = 90_000): Promise<RunView> {
  const url = `${await service.url()}/api/v1/runs/${id}`;
  const headers = { authorization: `Bearer ${await service.token()}` };
  let run: RunView = await show(service, id);
  const deadline = performance.now() + limitMs;
  while (run.endedAt === null && performance.now() < deadline) {
    const answer = await fetch(`${url}?afterVersion=${run.version}&waitSeconds=20`, { headers });
    run = (await answer.json()) as RunView;
  }
  return run;
}

/** Looks until there is something to see: what is waited for is outside of any process that could tell. */
async function until<T>(look: () => T | undefined | Promise<T | undefined>, limitMs = 60_000): Promise<T> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await delay(5);
  }
  throw new Error("It did not come about in time.");
}

function builtFolders(service: Service): string[] {
  return readdirSync(join(service.home, "environments")).filter((name) => ID.test(name));
}

/** An environment in the middle of its build. */
function unfinished(service: Service): string | undefined {
  return builtFolders(service).find((id) => !isComplete(service, id));
}

function isComplete(service: Service, id: string): boolean {
  return existsSync(join(service.home, "environments", id, ".complete"));
}

function buildLogs(service: Service): string[] {
  return globSync(join(service.home, "environments", "*.log")).map((path) => readFileSync(path, "utf8"));
}

function resultFolder(service: Service, run: RunView): string {
  return join(service.home, "buckets/models", run.id);
}

function readLog(service: Service, run: RunView, name: string): string {
  return readFileSync(join(resultFolder(service, run), "learner-1", name), "utf8");
}

/** Every process whose command line names this path. */
function processesOf(path: string): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(join("/proc", name, "cmdline"), "utf8").includes(path);
    } catch {
      // It ended between the two calls.
      return false;
    }
  });
}

/** The server of a test inherits this process's environment. */
function setVariables(variables: Readonly<Record<string, string>>): AsyncDisposable {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return {
    [Symbol.asyncDispose]: async () => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    },
  };
}
