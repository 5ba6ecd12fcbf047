import { EngineError } from "../../src/engines/engine-error.ts";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import type { DataStore } from "../../src/datastores/datastore.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import type { LearnerTask } from "../../src/engines/engine.ts";
import { viewRun } from "../../src/server/run-view.ts";
import type { Script } from "../../src/engines/scripted/scripted-engine.ts";
import { failure } from "../fixtures/failure.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { controlBundle, type BundleOptions, type ControlBundle, MANIFEST } from "./control-bundle.ts";

const ANN = { account: "ann" };
const denied = new RemoteError("denied", "bucket 'models' said 403.", { retryable: false });
const away = new RemoteError("unreachable", "bucket 'models' does not answer.", { retryable: true });

function program(task: LearnerTask): Script {
  const after = writeFile(join(task.env.RESULT_DIR ?? "", "model"), "weights");
  return { kind: "exits", exitCode: 0, after };
}

/** A bucket that refuses every put with an error, until it is told to take them. */
async function brokenBundle(options: BundleOptions = {}) {
  const bucket = { trouble: denied as RemoteError | null, puts: 0 };
  const wrapStore = (real: DataStore): DataStore =>
    withMethods(real, {
      put: async (...args) => {
        bucket.puts += 1;
        if (bucket.trouble !== null) throw bucket.trouble;
        return real.put(...args);
      },
    });
  const bundle = await controlBundle({ script: program, wrapStore, ...options });
  const types = async (id: string) => (await bundle.control.runs.events(id, 0, 100)).map(({ type }) => type);
  const until = async (id: string, type: string): Promise<void> => {
    const signal = AbortSignal.timeout(10_000);
    for (let run = await bundle.control.runs.get(id); !(await types(id)).includes(type);) {
      run = await bundle.control.runs.waitForChange(id, run.version, signal);
    }
  };
  return Object.assign(bundle, { bucket, types, until });
}

const ended = async (bundle: ControlBundle) => bundle.untilEnded((await bundle.submit()).id);

test("results that the bucket refused are stored later, and the run stays as it ended", async () => {
  await using bundle = await brokenBundle();
  const run = await ended(bundle);
  expect([run.state, run.failure?.cause, run.results]).toEqual(["failed", "results_not_stored", null]);
  expect(run.failure?.hint).toContain(`trainyard results retry ${run.id}`);
  bundle.bucket.trouble = null;
  const asked = await bundle.control.runs.retryResults(run.id, null, ANN);
  expect(asked.state).toBe("failed");
  await bundle.until(run.id, "results_stored");
  const after = await bundle.control.runs.get(run.id);
  expect(after).toMatchObject({ state: "failed", outcome: { state: "completed" }, endedAt: run.endedAt });
  expect(after.failure).toEqual(run.failure);
  expect(after.results?.objects).toBeGreaterThan(2);
  expect(await bundle.stored(run.id, "model")).toBe("weights");
  expect(await bundle.stored(run.id, "learner-1/.log-copy-complete")).toBe("0");
  await expect.poll(() => existsSync(join(bundle.home, "runs", run.id, "results"))).toBe(false);
  await expect.poll(async () => readdir(join(bundle.home, "results-retries"))).toEqual([]);
});

test("a canceled run's results are stored later, and its warning is taken back", async () => {
  await using bundle = await brokenBundle({ script: () => ({ kind: "runs", onStop: "ends" }) });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await bundle.control.runs.requestStop(id, 0, ANN);
  expect((await bundle.untilEnded(id)).warnings).toHaveLength(1);
  bundle.bucket.trouble = null;
  await bundle.control.runs.retryResults(id, null, ANN);
  await bundle.until(id, "results_stored");
  expect(await bundle.control.runs.get(id)).toMatchObject({ state: "canceled", failure: null, warnings: [] });
});

test("a retry that fails again leaves the results where they are, and may be repeated", async () => {
  await using bundle = await brokenBundle();
  const { id } = await ended(bundle);
  await bundle.control.runs.retryResults(id, null, ANN);
  await bundle.until(id, "results_not_stored");
  expect(await readFile(join(bundle.home, "runs", id, "results", "model"), "utf8")).toBe("weights");
  bundle.bucket.trouble = null;
  await expect.poll(async () => readdir(join(bundle.home, "results-retries"))).toEqual([]);
  await bundle.control.runs.retryResults(id, null, ANN);
  await bundle.until(id, "results_stored");
});

test("a run that is removed while its results are stored again is gone, and no marker says that they are there", async () => {
  await using bundle = await brokenBundle();
  const { id } = await ended(bundle);
  const before = bundle.bucket.puts;
  bundle.bucket.trouble = away;
  await bundle.control.runs.retryResults(id, null, ANN);
  await expect.poll(() => bundle.bucket.puts).toBeGreaterThan(before);
  bundle.bucket.trouble = null;
  expect(await bundle.control.runs.remove(id, ANN, { atOnce: true, discardResults: true })).toBe(null);
  await expect.poll(async () => readdir(join(bundle.home, "results-retries"))).toEqual([]);
  expect(await readdir(join(bundle.home, "runs"))).toEqual([]);
  expect(await bundle.stored(id, "learner-1/.log-copy-complete")).toBe(undefined);
});

test("there is nothing to retry for a run that lives, is stored, or has no results here", async () => {
  await using bundle = await brokenBundle();
  bundle.bucket.trouble = null;
  const { id } = await ended(bundle);
  const refusal = async (of: string) => failure(bundle.control.runs.retryResults(of, null, ANN));
  expect(await refusal(id)).toMatchObject({ code: "results_already_stored" });
  bundle.bucket.trouble = denied;
  const other = await ended(bundle);
  await rm(join(bundle.home, "runs", other.id), { recursive: true });
  expect(await refusal(other.id)).toMatchObject({ code: "results_not_kept" });
  expect(await refusal("training-unknown00")).toMatchObject({ code: "run_not_found" });
});

test("a run that has not ended is not retried, and keeps its credentials", async () => {
  let saved = 0;
  const database = () => ({ saveCredentials: async () => void (saved += 1) });
  await using bundle = await brokenBundle({ script: () => ({ kind: "runs", onStop: "ends" }), database });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  for (const manifest of [null, MANIFEST]) {
    const refusal = failure(bundle.control.runs.retryResults(id, manifest, ANN));
    expect(await refusal).toMatchObject({ code: "run_still_lives" });
  }
  expect(saved).toBe(0);
});

/** A clock on which pauses take no time and are added up. */
function quickClock(): Clock & { sleptMs: number } {
  const clock = {
    ...systemClock,
    sleptMs: 0,
    monotonicMs: () => performance.now() + clock.sleptMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      // Longer ones are of duties that have nothing to do with buckets.
      if (ms <= 60_000) clock.sleptMs += ms;
      await systemClock.sleep(0, signal);
    },
  };
  return clock;
}

test("a bucket that stays away is tried for as long as configured, and then the results stay here", async () => {
  const clock = quickClock();
  await using bundle = await brokenBundle({ clock, resultsGiveUpMs: 600_000 });
  bundle.bucket.trouble = away;
  const run = await ended(bundle);
  expect(run.failure).toMatchObject({ cause: "results_not_stored" });
  expect(clock.sleptMs).toBeGreaterThanOrEqual(600_000);
  expect(clock.sleptMs).toBeLessThan(700_000);
  expect(bundle.bucket.puts).toBeGreaterThan(10);
  expect((await bundle.types(run.id)).filter((type) => type === "results_delayed")).toHaveLength(1);
});

test("a run whose program never started does not wait for a bucket that stays away", async () => {
  const clock = quickClock();
  const error = new EngineError("the program cannot be started", { retryable: false });
  await using bundle = await brokenBundle({ clock, script: () => ({ kind: "cannot_start", error }) });
  bundle.bucket.trouble = away;
  const run = await ended(bundle);
  expect(run).toMatchObject({ state: "failed", failure: { cause: "start_failed" }, results: null });
  expect(await bundle.types(run.id)).not.toContain("results_delayed");
});

test("a bucket that comes back in time gets everything, and nothing is said in the end", async () => {
  await using bundle = await brokenBundle({ clock: quickClock(), resultsGiveUpMs: 1e9 });
  bundle.bucket.trouble = away;
  const { id } = await bundle.submit();
  await bundle.until(id, "results_delayed");
  bundle.bucket.trouble = null;
  expect(await bundle.untilEnded(id)).toMatchObject({ state: "completed", failure: null, warnings: [] });
  expect(await bundle.stored(id, "model")).toBe("weights");
});

test("a retry that a server was asked for is carried out by the next one", async () => {
  await using bundle = await brokenBundle({ resultsGiveUpMs: 60_000 });
  const { id } = await ended(bundle);
  bundle.bucket.trouble = away;
  await bundle.control.runs.retryResults(id, null, ANN);
  await bundle.until(id, "results_delayed");
  await bundle.restart();
  bundle.bucket.trouble = null;
  await bundle.until(id, "results_stored");
  expect(await bundle.stored(id, "model")).toBe("weights");
});

test("a run whose results bucket stays away says so, and a stop ends the wait with the results kept here", async () => {
  await using bundle = await brokenBundle({ resultsGiveUpMs: 3_600_000 });
  const { runs } = bundle.control;
  bundle.bucket.trouble = away;
  const { id } = await bundle.submit();
  await bundle.until(id, "results_delayed");
  const delayed = await runs.get(id);
  expect(delayed.state).toBe("storing");
  expect(runs.delayed(delayed)).toEqual({
    reason: expect.stringContaining("bucket 'models' does not answer."),
    since: expect.any(Date),
  });
  await runs.requestStop(id, null, ANN);
  const run = await bundle.untilEnded(id);
  expect([run.state, run.failure?.cause, runs.delayed(run)]).toEqual(["failed", "results_not_stored", null]);
  expect(run.failure?.message).toContain("A request to stop ended the wait for it.");
  expect(await readFile(join(bundle.home, "runs", id, "results", "model"), "utf8")).toBe("weights");
});

test("the stop of a running program leaves the patience with its bucket, and a second one ends it", async () => {
  await using bundle = await brokenBundle({
    script: () => ({ kind: "runs", onStop: "ends" }),
    resultsGiveUpMs: 3_600_000,
  });
  bundle.bucket.trouble = away;
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await bundle.control.runs.requestStop(id, 0, ANN);
  await bundle.until(id, "results_delayed");
  expect((await bundle.control.runs.get(id)).state).toBe("storing");
  await bundle.control.runs.requestStop(id, null, ANN);
  const run = await bundle.untilEnded(id);
  expect(run).toMatchObject({ state: "canceled", warnings: [expect.stringContaining("trainyard results retry")] });
});

test("the only copy of results is removed at once only where that is said", async () => {
  await using bundle = await brokenBundle();
  const { runs } = bundle.control;
  const { id } = await ended(bundle);
  const folder = join(bundle.home, "runs", id, "results");
  const refused = await failure(runs.remove(id, ANN, { atOnce: true }));
  expect(refused).toMatchObject({ kind: "conflict", code: "only_copy_of_results" });
  expect([refused.message, (refused as { hint?: string }).hint].join(" ")).toContain(folder);
  expect((refused as { hint?: string }).hint).toContain(`trainyard results retry ${id}`);
  expect(existsSync(folder)).toBe(true);
  expect(await runs.remove(id, ANN, { atOnce: true, discardResults: true })).toBeNull();
  expect(existsSync(folder)).toBe(false);
});

test("a retry that failed shows as one warning, which goes when the results are stored", async () => {
  await using bundle = await brokenBundle();
  const { runs } = bundle.control;
  const { id } = await ended(bundle);
  await runs.retryResults(id, null, ANN);
  await bundle.until(id, "results_not_stored");
  expect((await runs.get(id)).warnings).toEqual([expect.stringMatching(/said 403\. They were tried again until 2/)]);
  await expect.poll(async () => readdir(join(bundle.home, "results-retries"))).toEqual([]);
  bundle.bucket.trouble = null;
  await runs.retryResults(id, null, ANN);
  await bundle.until(id, "results_stored");
  const view = viewRun(await runs.get(id), runs);
  expect(view.warnings).toEqual([]);
  expect(view.failure?.message).toContain(`They were stored at ${view.results.storedAt}.`);
  expect(view.failure?.hint).not.toContain("results retry");
});
