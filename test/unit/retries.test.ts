import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EngineError } from "../../src/engines/engine-error.ts";
import type { LearnerTask } from "../../src/engines/engine.ts";
import type { Script } from "../../src/engines/scripted/scripted-engine.ts";
import { HandClock } from "../fixtures/hand-clock.ts";
import { controlBundle, MANIFEST, type BundleOptions, type ControlBundle } from "./control-bundle.ts";

const TWICE = MANIFEST.replace("resource: small", "retries: 2");
/** Of a first attempt whose pause begins at ten seconds: between half of that and all, by the run's id. */
const PAUSE_MS = 10_000;

interface RetryBundle extends ControlBundle {
  readonly clock: HandClock;
  /** Resolves when the run waits for this attempt; gives how long. */
  untilPaused(id: string, attempt?: number): Promise<number>;
}

async function retryBundle(scriptOf: (attempt: number) => Script, options: BundleOptions = {}): Promise<RetryBundle> {
  const clock = new HandClock();
  const script = (task: LearnerTask): Script => scriptOf(task.attempt);
  const bundle = await controlBundle({ script, clock, machineTime: clock, slots: 1, ...options });
  const untilPaused = async (id: string, attempt = 2): Promise<number> => {
    const { runs } = bundle.control;
    let run = await runs.get(id);
    while (run.attempt < attempt) run = await runs.waitForChange(id, run.version, AbortSignal.timeout(10_000));
    const pauseMs = (run.notBefore?.getTime() ?? 0) - clock.now().getTime();
    await clock.untilAsleep(pauseMs);
    return pauseMs;
  };
  return Object.assign(bundle, { clock, untilPaused });
}

const vanishesOnce = (attempt: number): Script =>
  attempt === 1 ? { kind: "vanishes" } : { kind: "exits", exitCode: 0 };

async function messages(bundle: ControlBundle, id: string): Promise<readonly string[]> {
  return (await bundle.control.runs.events(id, 0, 100)).map(({ message }) => message);
}

test("a run whose learner vanished waits, starts again and completes, and both attempts' logs are kept", async () => {
  await using bundle = await retryBundle(vanishesOnce);
  const { id } = await bundle.submit(TWICE);
  const pauseMs = await bundle.untilPaused(id);
  expect(pauseMs).toBeGreaterThanOrEqual(PAUSE_MS / 2);
  expect(pauseMs).toBeLessThanOrEqual(PAUSE_MS);
  const waiting = await bundle.control.runs.get(id);
  expect(waiting).toMatchObject({ attempt: 2, devices: [], handles: [], startedAt: null });
  expect(bundle.control.runs.waiting(waiting)?.reason).toMatch(/^It waits for its next attempt until 2026-/);
  bundle.clock.pass(pauseMs);
  const ended = await bundle.untilEnded(id);
  expect([ended.state, ended.attempt, ended.notBefore]).toEqual(["completed", 2, null]);
  expect(ended.pastAttempts).toMatchObject([{ attempt: 1, failure: { cause: "learner_lost", attempt: 1 } }]);
  expect(await bundle.stored(id, "learner-1/training-log.txt")).toContain("TRAINING_COMMAND");
  expect(await bundle.stored(id, "attempts/1/learner-1/training-log.txt")).toContain("TRAINING_COMMAND");
  expect(await bundle.stored(id, "attempts/1/learner-1/.log-copy-complete")).toBeUndefined();
  const told = (await messages(bundle, id)).find((message) => message.startsWith("Attempt 1 failed"));
  expect(told).toMatch(
    /^Attempt 1 failed \(learner_lost\)\. The program vanished: .* Attempt 2 follows after a pause of /,
  );
});

test("its devices serve others meanwhile, and it is first in the queue when it comes back", async () => {
  const end = Promise.withResolvers<void>();
  await using bundle = await retryBundle(
    (attempt) => (attempt === 1 ? { kind: "vanishes" } : { kind: "exits", exitCode: 0 }),
    {
      script: (task) => {
        if (task.command === "true") return { kind: "exits", exitCode: 0, after: end.promise };
        return vanishesOnce(task.attempt);
      },
    },
  );
  const retried = await bundle.submit(TWICE.replace('"true"', '"retried"'));
  const pauseMs = await bundle.untilPaused(retried.id);
  const [second, third] = [await bundle.submit(), await bundle.submit()];
  await bundle.untilState(second.id, "running");
  bundle.clock.pass(pauseMs);
  const waiting = await bundle.control.runs.get(retried.id);
  expect(bundle.control.runs.waiting(waiting)?.position).toBe(1);
  expect(bundle.control.runs.waiting(third)?.position).toBe(2);
  end.resolve();
  await bundle.untilEnded(third.id);
  expect(bundle.world.executions.map(({ runId }) => runId)).toEqual([retried.id, second.id, retried.id, third.id]);
});

test("after the last retry it fails with the last failure, and all attempts are told", async () => {
  await using bundle = await retryBundle(() => ({ kind: "vanishes" }));
  const { id } = await bundle.submit(TWICE);
  for (const attempt of [2, 3]) {
    bundle.clock.pass(await bundle.untilPaused(id, attempt));
  }
  const ended = await bundle.untilEnded(id);
  expect(ended.failure).toMatchObject({ cause: "learner_lost", attempt: 3 });
  expect(ended.pastAttempts.map(({ attempt }) => attempt)).toEqual([1, 2]);
});

test("a program that fails by itself is not tried again", async () => {
  await using bundle = await retryBundle(() => ({ kind: "exits", exitCode: 3 }));
  const { id } = await bundle.submit(TWICE);
  expect(await bundle.untilEnded(id)).toMatchObject({ state: "failed", attempt: 1, pastAttempts: [] });
});

test("a run that could not be started is tried again", async () => {
  const error = new EngineError("no room for a process", { retryable: false });
  await using bundle = await retryBundle((attempt) =>
    attempt === 1 ? { kind: "cannot_start", error } : { kind: "exits", exitCode: 0 },
  );
  const { id } = await bundle.submit(TWICE);
  bundle.clock.pass(await bundle.untilPaused(id));
  const ended = await bundle.untilEnded(id);
  expect(ended.state).toBe("completed");
  expect(ended.pastAttempts).toMatchObject([{ startedAt: null, failure: { cause: "start_failed" } }]);
});

test("a server that was restarted meanwhile waits for as long as is left, and a clock set back keeps no run for ever", async () => {
  await using bundle = await retryBundle(vanishesOnce);
  const { id } = await bundle.submit(TWICE);
  const pauseMs = await bundle.untilPaused(id);
  bundle.clock.pass(1000);
  await bundle.restart();
  await bundle.clock.untilAsleep(pauseMs - 1000);
  bundle.clock.setWall(-10 * 365 * 86_400_000);
  await bundle.restart();
  await bundle.clock.untilAsleep(600_000);
  expect((await bundle.control.runs.get(id)).state).toBe("pending");
  bundle.clock.pass(600_000);
  expect((await bundle.untilEnded(id)).state).toBe("completed");
});

test("one that is stopped while it waits for another attempt is canceled with the logs of those before", async () => {
  await using bundle = await retryBundle(vanishesOnce);
  const { id } = await bundle.submit(TWICE);
  await bundle.untilPaused(id);
  await bundle.control.runs.requestStop(id, 0, { account: "admin" });
  expect((await bundle.untilEnded(id)).state).toBe("canceled");
  expect(await bundle.stored(id, "attempts/1/learner-1/training-log.txt")).toContain("TRAINING_COMMAND");
  expect(bundle.world.executions).toHaveLength(1);
});

test("what the program saved in CHECKPOINT_DIR is there for the next attempt, and RESULT_DIR is empty", async () => {
  const seen: boolean[] = [];
  await using bundle = await retryBundle(vanishesOnce, {
    engine: (real) => ({
      start: async (task, signal) => {
        const { CHECKPOINT_DIR = "", RESULT_DIR = "" } = task.env;
        const files = [join(CHECKPOINT_DIR, "step"), join(RESULT_DIR, "half")];
        seen.push(...files.map((file) => existsSync(file)));
        for (const file of files) await writeFile(file, task.env["TRAINYARD_ATTEMPT"] ?? "");
        return real.start(task, signal);
      },
    }),
  });
  const { id } = await bundle.submit(TWICE);
  bundle.clock.pass(await bundle.untilPaused(id));
  await bundle.untilEnded(id);
  expect(seen).toEqual([false, false, true, false]);
  expect(await bundle.stored(id, "half")).toBe("2");
});

test("logs of each attempt can be read by its number, while it waits and afterwards", async () => {
  await using bundle = await retryBundle(vanishesOnce);
  const { id } = await bundle.submit(TWICE);
  const pauseMs = await bundle.untilPaused(id);
  const first = await bundle.control.runs.logFile(id, 1, 1);
  expect(first.isComplete).toBe(true);
  expect(await readFile(first.path, "utf8")).toContain("TRAINING_COMMAND");
  const next = await bundle.control.runs.logFile(id, 1);
  expect([existsSync(next.path), next.isComplete]).toEqual([false, false]);
  await expect(bundle.control.runs.logFile(id, 1, 3)).rejects.toMatchObject({ code: "request_invalid" });
  bundle.clock.pass(pauseMs);
  await bundle.untilEnded(id);
  for (const attempt of [1, 2]) {
    const { path, isComplete } = await bundle.control.runs.logFile(id, 1, attempt);
    expect([isComplete, existsSync(path)]).toEqual([true, true]);
  }
});
