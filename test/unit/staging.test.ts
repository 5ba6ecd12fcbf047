import { existsSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DataStore } from "../../src/datastores/datastore.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import { storeBusy } from "../../src/domain/errors.ts";
import type { LearnerTask } from "../../src/engines/engine.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { controlBundle, MANIFEST } from "./control-bundle.ts";

const WITH_DATA = `${MANIFEST}training_data: {source: {bucket: mnist, type: directory}}\n`;

/** Runs once through everything up to the start, which fails for a passing reason, and then again. */
async function stageTwice(between: (task: LearnerTask) => void): Promise<{ code: boolean; results: boolean }> {
  const witnesses = { code: false, results: false };
  let starts = 0;
  await using bundle = await controlBundle({
    engine: (real) => ({
      start: async (task, signal) => {
        const code = join(task.workingDirectory, "witness");
        const results = join(task.env["RESULT_DIR"] ?? "", "witness");
        starts += 1;
        if (starts === 1) {
          for (const path of [code, results]) writeFileSync(path, "");
          between(task);
          throw storeBusy("busy");
        }
        witnesses.code = existsSync(code);
        witnesses.results = existsSync(results);
        return real.start(task, signal);
      },
    }),
  });
  expect((await bundle.untilEnded((await bundle.submit()).id)).state).toBe("completed");
  return witnesses;
}

test("what was staged is not touched again, for a learner may be at work in it", async () => {
  expect(await stageTwice(() => undefined)).toEqual({ code: true, results: true });
});

test("after a restart of the machine everything is laid out anew, since files that were not synced may be empty", async () => {
  const restartMachine = ({ directory }: LearnerTask): void =>
    writeFileSync(join(directory, "..", "attempt-1.staged"), "another start of the machine\n");
  expect(await stageTwice(restartMachine)).toEqual({ code: false, results: false });
});

test("a stop while data is on its way ends the run at once, and its program is never started", async () => {
  const isReading = Promise.withResolvers<void>();
  await using bundle = await controlBundle({
    wrapStore: (real: DataStore, bucket) =>
      withMethods(
        real,
        bucket === "models"
          ? {}
          : {
              list: async function* (prefix, signal) {
                yield* real.list(prefix, signal);
                isReading.resolve();
                await new Promise((_resolve, reject) =>
                  signal.addEventListener("abort", () => reject(signal.reason as Error)),
                );
              },
            },
      ),
  });
  await mkdir(join(bundle.home, "buckets", "mnist"), { recursive: true });
  await writeFile(join(bundle.home, "buckets", "mnist", "train.gz"), "images");
  const { id } = await bundle.submit(WITH_DATA);
  await isReading.promise;
  await bundle.control.runs.requestStop(id, 60_000, { account: "ann" });
  const run = await bundle.untilEnded(id);
  expect([run.state, run.failure, run.startedAt]).toEqual(["canceled", null, null]);
  expect(bundle.world.executions).toEqual([]);
});

test("a run whose data bucket is tried again says why, and no longer once more has come", async () => {
  const isTold = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const isListed = Promise.withResolvers<void>();
  const unknown = new RemoteError("unreachable", "the host's name is not known.", { retryable: true });
  await using bundle = await controlBundle({
    wrapStore: (real: DataStore, bucket, onTrouble) =>
      withMethods(
        real,
        bucket === "models"
          ? {}
          : {
              list: async function* (prefix, signal) {
                onTrouble(unknown);
                isTold.resolve();
                await goOn.promise;
                yield* real.list(prefix, signal);
                isListed.resolve();
                await new Promise((_resolve, reject) =>
                  signal.addEventListener("abort", () => reject(signal.reason as Error)),
                );
              },
            },
      ),
  });
  await mkdir(join(bundle.home, "buckets", "mnist"), { recursive: true });
  await writeFile(join(bundle.home, "buckets", "mnist", "train.gz"), "images");
  const { id } = await bundle.submit(WITH_DATA);
  await isTold.promise;
  const { runs } = bundle.control;
  const reason = "The data bucket is tried again: the host's name is not known.";
  expect(runs.delayed(await runs.get(id))).toEqual({ reason, since: expect.any(Date) });
  goOn.resolve();
  await isListed.promise;
  expect(runs.delayed(await runs.get(id))).toBeNull();
  await runs.requestStop(id, 0, { account: "ann" });
  expect((await bundle.untilEnded(id)).state).toBe("canceled");
});
