import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunView } from "../../src/contract/run.ts";
import type { Iteration, KnownRun } from "./iteration.ts";
import { spoken } from "./stories.ts";
import { hold } from "./violation.ts";
import { mostDevicesAtOnce, processesOf, readWitness } from "./witness.ts";
import { CANARY, DEVICES, type World } from "./world.ts";

const PART_BYTES = 16 * 1024 * 1024;
const MARKER = ".log-copy-complete";

/** Everything that must hold of the runs of one iteration once their story is told and no fault is under way. */
export async function checkIteration(told: Iteration): Promise<void> {
  for (const run of told.runs.values()) {
    if (run.isDeleted) await checkGone(told, run);
    else await checkEnded(told, run);
    await checkStarts(told, run);
  }
  const devices = await mostDevicesAtOnce(told.world.witness);
  hold(devices <= DEVICES, 5, `programs used ${devices} devices at once, and there are ${DEVICES}`);
  const touched = await told.world.findForeignTouched();
  hold(touched === null, 12, String(touched));
  await told.until(14, async () => findLeftOver(told.world));
  if ([...told.runs.values()].some(({ wanted }) => wanted.intoS3)) await checkSecrets(told.world);
}

async function checkEnded(told: Iteration, run: KnownRun): Promise<void> {
  const view = await told.look(run);
  const what = `${run.name} (${run.id})`;
  hold(
    view.state === run.expected,
    2,
    `${what} ended as ${view.state}, not as ${run.expected}: ${JSON.stringify(view.failure)}`,
  );
  checkEnding(run, view);
  await checkBucket(told, run);
  const alive = await processesOf(run.id);
  hold(alive.length === 0, 6, `${what} has ended and its processes ${alive.join(", ")} live`);
  const named = await told.client.listNamed(run.name);
  hold(named.length === 1, 1, `there are ${named.length} runs called ${run.name}`);
  const { cause } = run.wanted;
  if (cause !== undefined)
    hold(view.failure?.cause === cause, 3, `${what} failed by ${view.failure?.cause}, not ${cause}`);
  await checkMetrics(told, run);
  if (view.warnings.length === 0) await told.until(14, async () => findKeptCopies(told.world, run));
  if (isEndedFromOutside(run)) return;
  const whole = view.failure === null ? learnersOf(run) : [view.failure.learner ?? 1];
  for (const learner of whole) {
    const { exitCode } = await readWitness(told.world.witness, run.id, learner, attemptsOf(run));
    const recorded = view.failure === null ? 0 : view.failure.exitCode;
    hold(recorded === exitCode, 3, `${what} exited with ${exitCode} and ${recorded} was recorded`);
    const log = await told.client.log(run.id, learner, attemptsOf(run));
    hold(isLogOf(run, log), 7, `the log of learner ${learner} of ${what} is not what it wrote:\n${log}`);
    const stored = await readObject(told.world, run, `learner-${learner}/training-log.txt`);
    hold(stored === log, 7, `the log of learner ${learner} of ${what} in the bucket is another one:\n${stored}`);
  }
  await checkPastLogs(told, run);
}

/** Each attempt before the last was killed from within when it had said everything. */
async function checkPastLogs(told: Iteration, run: KnownRun): Promise<void> {
  for (let attempt = 1; attempt < attemptsOf(run); attempt += 1) {
    const log = await told.client.log(run.id, 1, attempt);
    const what = `the log of attempt ${attempt} of ${run.name} (${run.id})`;
    hold(log.endsWith(` job\n${spoken(run.id)}`), 7, `${what} is not what it wrote:\n${log}`);
    const stored = await readObject(told.world, run, `attempts/${attempt}/learner-1/training-log.txt`);
    hold(stored === log, 7, `${what} in the bucket is another one:\n${stored}`);
  }
}

/** All that were acknowledged can be read. */
async function checkMetrics(told: Iteration, run: KnownRun): Promise<void> {
  if (run.metrics.size === 0) return;
  const found = await told.client.metrics(run.id);
  const lost = [...run.metrics].filter(([key, value]) => found.get(key) !== value).map(([key]) => key);
  hold(lost.length === 0, 8, `of the metrics of ${run.name} (${run.id}) these are lost: ${lost.join(", ")}`);
}

/** What the bucket has is not kept here as well. */
async function findKeptCopies({ home }: World, { id }: KnownRun): Promise<string | null> {
  // A run that was stopped while it waited never had a directory.
  const parts = await readdir(join(home, "runs", id)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const kept = parts.filter((part) => ["results", "checkpoints", "state", "code"].includes(part));
  return kept.length === 0 ? null : `the ended run ${id} still keeps ${kept.join(", ")}`;
}

/** What was seen once is seen again, however often the server died in between. */
export function checkEnding(run: KnownRun, view: RunView): void {
  const { state, endedAt, failure, results } = view;
  // Those of a run whose bucket was away are stored later.
  const objects = run.wanted.cause === "results_not_stored" ? null : results.objects;
  const ending = JSON.stringify([state, endedAt, failure?.cause, failure?.exitCode, objects]);
  run.ending ??= ending;
  hold(run.ending === ending, 2, `${run.name} (${run.id}) had ended as ${run.ending}, and now as ${ending}`);
}

function isLogOf(run: KnownRun, log: string): boolean {
  const code = run.wanted.exitCode ?? 0;
  const closing = `\nTraining process finished. Exit code: ${code}\n`;
  const whole = spoken(run.id) + closing + (code === 0 ? "" : `Job exited with error code ${code}\n`);
  return log.startsWith("Training with training/test data at:\n") && log.endsWith(` job\n${whole}`);
}

async function checkGone(told: Iteration, run: KnownRun): Promise<void> {
  hold((await told.client.get(run.id)) === null, 2, `the deleted run ${run.name} (${run.id}) is there again`);
  const folders = await readdir(join(told.world.home, "runs"));
  hold(!folders.includes(run.id), 14, `the deleted run ${run.name} (${run.id}) still has its folder`);
  await checkBucket(told, run);
}

/** A server's death never starts a program again, nor ends it. */
async function checkStarts(told: Iteration, run: KnownRun): Promise<void> {
  for (const learner of learnersOf(run)) {
    for (let attempt = 1; attempt <= attemptsOf(run) + 1; attempt += 1) {
      const { starts } = await readWitness(told.world.witness, run.id, learner, attempt);
      const most = attempt <= attemptsOf(run) ? 1 : 0;
      const isRight = mayBeCutShort(run) ? starts.length <= most : starts.length === most;
      const what = `attempt ${attempt} of learner ${learner} of ${run.name} (${run.id})`;
      hold(isRight, 4, `${what} was started ${starts.length} times`);
    }
  }
}

/** A wish to stop ends programs wherever they are, and so does the failure of another learner. */
function mayBeCutShort(run: KnownRun): boolean {
  return isEndedFromOutside(run) || (run.expected === "failed" && learnersOf(run).length > 1);
}

function isEndedFromOutside({ isStopped, wanted }: KnownRun): boolean {
  return isStopped || wanted.cause === "time_limit";
}

function attemptsOf({ wanted }: KnownRun): number {
  return wanted.attempts ?? 1;
}

/** The bucket holds log, results and marker of each run that ran to its end, also after the run was deleted. */
async function checkBucket(told: Iteration, run: KnownRun): Promise<void> {
  const keys = await keysOf(told.world, run);
  const halves = keys.filter((key) => /(?:^|\/)\.[^/]*part|~$/.test(key));
  hold(halves.length === 0, 10, `the bucket shows unfinished objects: ${halves.join(", ")}`);
  if (isEndedFromOutside(run)) return;
  const wanted = ["model", "deep/two", "training-log.txt", "_submitted_code/model.zip", `learner-1/${MARKER}`];
  const missing = wanted.filter((key) => !keys.includes(`${run.id}/${key}`));
  hold(missing.length === 0, 9, `${run.name} (${run.id}) has ended and the bucket has no ${missing.join(", ")}`);
  if (mayBeCutShort(run)) return;
  const model = await readObject(told.world, run, "model");
  hold(model === `weights-of-${run.id}\n`, 10, `the model of ${run.name} (${run.id}) is '${model}'`);
  if (run.wanted.bigBytes !== undefined) checkBig(told.world, run, run.wanted.bigBytes);
}

/** However often the upload was cut off, no part came twice; and nobody saw a part of it as the whole. */
function checkBig({ s3 }: World, { id, name }: KnownRun, bytes: number): void {
  const key = `${id}/big`;
  const results = s3.objects.buckets.get("results");
  const isWhole = results?.get(key)?.bytes.equals(Buffer.alloc(bytes, `${id}\n`)) === true;
  hold(isWhole, 10, `the large object of ${name} (${id}) is not what the program wrote`);
  const arrivals = s3.objects.arrivals.get(key) ?? [];
  const cameOnce = arrivals.length === Math.ceil(bytes / PART_BYTES) && arrivals.every((times) => times === 1);
  hold(cameOnce, 10, `the parts of the large object of ${name} (${id}) came so often: ${arrivals.join(", ")}`);
  // It is looked at once; a sweep of them would fill the memory.
  results?.set(key, { bytes: Buffer.alloc(0), etag: "" });
}

async function keysOf(world: World, run: KnownRun): Promise<string[]> {
  if (run.wanted.intoS3 === true) return [...(world.s3.objects.buckets.get("results")?.keys() ?? [])];
  const bucket = join(world.home, "buckets", "models");
  const hidden = (await readdir(bucket).catch(() => [])).filter((name) => name.startsWith("."));
  const own = await readdir(join(bucket, run.id), { recursive: true }).catch(() => []);
  return [...hidden, ...own.map((key) => `${run.id}/${key}`)];
}

async function readObject(world: World, run: KnownRun, name: string): Promise<string> {
  const key = `${run.id}/${name}`;
  if (run.wanted.intoS3 === true) return world.s3.objects.buckets.get("results")?.get(key)?.bytes.toString() ?? "";
  return readFile(join(world.home, "buckets", "models", key), "utf8").catch(() => "");
}

/** Names what a crash has left in the home that nobody needs; null when there is nothing. */
async function findLeftOver({ home, unfinishedUploads }: World): Promise<string | null> {
  for (const folder of ["tmp", "trash"]) {
    const names = await readdir(join(home, folder));
    if (names.length > 0) return `${folder}/ still holds ${names.join(", ")}`;
  }
  for (const id of await readdir(join(home, "runs"))) {
    // A run that was stopped while it waited never had a directory.
    const parts = await readdir(join(home, "runs", id)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    const left = parts.filter((part) => ["data", "home", "tmp"].includes(part));
    if (left.length > 0) return `the ended run ${id} still keeps ${left.join(", ")}`;
  }
  const drafts = (await readdir(home)).filter((name) => /\.draft/.test(name));
  const halves = (await readdir(join(home, "environments"))).filter((name) => name.startsWith("."));
  if (drafts.length + halves.length > 0) return `the home still holds ${[...drafts, ...halves].join(", ")}`;
  return unfinishedUploads === 0 ? null : `the S3 bucket keeps ${unfinishedUploads} unfinished uploads`;
}

/** The credential of the S3 bucket is sealed in the database and nowhere else. */
async function checkSecrets({ home }: World): Promise<void> {
  const files = await readdir(home, { recursive: true, withFileTypes: true });
  for (const file of files.filter((found) => found.isFile())) {
    const path = join(file.parentPath, file.name);
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    hold(!bytes.includes(CANARY), 13, `a credential can be read in ${path}`);
  }
}

function learnersOf(run: KnownRun): number[] {
  return Array.from({ length: run.wanted.learners ?? 1 }, (_, index) => index + 1);
}
