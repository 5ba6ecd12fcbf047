import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunView } from "../../src/contract/run.ts";
import type { Iteration, KnownRun } from "./iteration.ts";
import { spoken } from "./stories.ts";
import { hold } from "./violation.ts";
import { processesOf, readWitness } from "./witness.ts";
import { CANARY, type World } from "./world.ts";

const MARKER = ".log-copy-complete";

/** Everything that must hold of the runs of one iteration once their story is told and no fault is under way. */
export async function checkIteration(told: Iteration): Promise<void> {
  for (const run of told.runs.values()) {
    if (run.isDeleted) await checkGone(told, run);
    else await checkEnded(told, run);
    await checkStarts(told, run);
  }
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
  if (run.isStopped) return;
  const whole = view.failure === null ? learnersOf(run) : [view.failure.learner ?? 1];
  for (const learner of whole) {
    const { exitCode } = await readWitness(told.world.witness, run.id, learner);
    const recorded = view.failure === null ? 0 : view.failure.exitCode;
    hold(recorded === exitCode, 3, `${what} exited with ${exitCode} and ${recorded} was recorded`);
    const log = await told.client.log(run.id, learner);
    hold(isLogOf(run, log), 7, `the log of learner ${learner} of ${what} is not what it wrote:\n${log}`);
    const stored = await readObject(told.world, run, `learner-${learner}/training-log.txt`);
    hold(stored === log, 7, `the log of learner ${learner} of ${what} in the bucket is another one:\n${stored}`);
  }
}

/** What was seen once is seen again, however often the server died in between. */
export function checkEnding(run: KnownRun, view: RunView): void {
  const { state, endedAt, failure, results } = view;
  const ending = JSON.stringify([state, endedAt, failure?.cause, failure?.exitCode, results.objects]);
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
    const { starts } = await readWitness(told.world.witness, run.id, learner);
    const isRight = mayBeCutShort(run) ? starts.length <= 1 : starts.length === 1;
    hold(isRight, 4, `learner ${learner} of ${run.name} (${run.id}) was started ${starts.length} times`);
  }
}

/** A wish to stop ends programs wherever they are, and so does the failure of another learner. */
function mayBeCutShort(run: KnownRun): boolean {
  return run.isStopped || (run.expected === "failed" && learnersOf(run).length > 1);
}

/** The bucket holds log, results and marker of each run that ran to its end, also after the run was deleted. */
async function checkBucket(told: Iteration, run: KnownRun): Promise<void> {
  const keys = await keysOf(told.world, run);
  const halves = keys.filter((key) => /(?:^|\/)\.[^/]*part|~$/.test(key));
  hold(halves.length === 0, 10, `the bucket shows unfinished objects: ${halves.join(", ")}`);
  if (run.isStopped) return;
  const wanted = ["model", "deep/two", "training-log.txt", "_submitted_code/model.zip", `learner-1/${MARKER}`];
  const missing = wanted.filter((key) => !keys.includes(`${run.id}/${key}`));
  hold(missing.length === 0, 9, `${run.name} (${run.id}) has ended and the bucket has no ${missing.join(", ")}`);
  if (mayBeCutShort(run)) return;
  const model = await readObject(told.world, run, "model");
  hold(model === `weights-of-${run.id}\n`, 10, `the model of ${run.name} (${run.id}) is '${model}'`);
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
async function findLeftOver({ home, s3 }: World): Promise<string | null> {
  for (const folder of ["tmp", "trash"]) {
    const names = await readdir(join(home, folder));
    if (names.length > 0) return `${folder}/ still holds ${names.join(", ")}`;
  }
  for (const id of await readdir(join(home, "runs"))) {
    const parts = await readdir(join(home, "runs", id));
    const left = parts.filter((part) => ["data", "home", "tmp"].includes(part));
    if (left.length > 0) return `the ended run ${id} still keeps ${left.join(", ")}`;
  }
  const drafts = (await readdir(home)).filter((name) => /\.draft/.test(name));
  const halves = (await readdir(join(home, "environments"))).filter((name) => name.startsWith("."));
  if (drafts.length + halves.length > 0) return `the home still holds ${[...drafts, ...halves].join(", ")}`;
  return s3.objects.uploads.size === 0 ? null : `the S3 bucket keeps ${s3.objects.uploads.size} unfinished uploads`;
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
