import { existsSync, writeFileSync } from "node:fs";
import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { holdsOnlyCopyOf } from "../../src/control/results/only-copy.ts";
import type { DataStore } from "../../src/datastores/datastore.ts";
import { UnreadableFile } from "../../src/datastores/content.ts";
import { partName } from "../../src/datastores/directory/unfinished-parts.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import { storeBusy } from "../../src/domain/errors.ts";
import type { LearnerTask } from "../../src/engines/engine.ts";
import type { Script } from "../../src/engines/scripted/scripted-engine.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { controlBundle, type ControlBundle } from "./control-bundle.ts";

const MARKER = "learner-1/.log-copy-complete";

/** A program that does something with the folders it is given and ends with 0. */
function program(work: (folder: (name: string) => string) => Promise<unknown>) {
  return (task: LearnerTask): Script => {
    const after = work((name) => task.env[name] ?? "").then(() => undefined);
    return { kind: "exits", exitCode: 0, after };
  };
}

const denied = new RemoteError("denied", "bucket 'models' said 403.", { retryable: false });

/** Every bucket with another way to put. */
function putting(put: (real: DataStore, ...args: Parameters<DataStore["put"]>) => ReturnType<DataStore["put"]>) {
  return (real: DataStore): DataStore => withMethods(real, { put: async (...args) => put(real, ...args) });
}

const completed = async (bundle: ControlBundle) => bundle.untilEnded((await bundle.submit()).id);

test("checkpoints are stored, the engine's records are not", async () => {
  const script = program(async (folder) => {
    await writeFile(join(folder("CHECKPOINT_DIR"), "step-9"), "weights");
    await writeFile(join(folder("LOG_DIR"), "attempt-1.pid"), "17");
  });
  await using bundle = await controlBundle({ script });
  const { id } = await completed(bundle);
  expect(await bundle.stored(id, "_wml_checkpoints/step-9")).toBe("weights");
  expect(await bundle.stored(id, "learner-1/attempt-1.pid")).toBeUndefined();
});

test("a marker that the program writes makes nobody believe that all is there", async () => {
  await using bundle = await controlBundle({
    script: program(async (folder) => writeFile(join(folder("LOG_DIR"), ".log-copy-complete"), "mine")),
    wrapStore: putting(async (real, key, ...rest) => {
      if (key.endsWith("model.zip")) throw denied;
      return real.put(key, ...rest);
    }),
  });
  const run = await completed(bundle);
  expect(run.failure?.cause).toBe("results_not_stored");
  expect(await bundle.stored(run.id, "learner-1/training-log.txt")).toBeDefined();
  expect(await bundle.stored(run.id, MARKER)).toBeUndefined();
});

test("thousands of files with reserved names cost one warning, and none is lost", async () => {
  const script = program(async (folder) => {
    for (const name of ["learner-1", "_result_dir", "_submitted_code"]) {
      await mkdir(join(folder("RESULT_DIR"), name));
      for (let i = 0; i < 30; i += 1) writeFileSync(join(folder("RESULT_DIR"), name, `${i}`), name);
    }
  });
  await using bundle = await controlBundle({ script });
  const { id, warnings } = await completed(bundle);
  expect(warnings).toHaveLength(3);
  expect(warnings.join()).toContain("'learner-1' in RESULT_DIR has a name that the service uses itself");
  for (const name of ["learner-1", "_result_dir", "_submitted_code"]) {
    expect(await bundle.stored(id, `_result_dir/${name}/29`)).toBe(name);
  }
});

test("of many files that cannot be stored the first are named and the rest are counted", async () => {
  const script = program(async (folder) => {
    for (let i = 10; i < 40; i += 1) await symlink("/nowhere", join(folder("RESULT_DIR"), `${i}`));
  });
  await using bundle = await controlBundle({ script });
  const { warnings } = await completed(bundle);
  expect(warnings).toHaveLength(21);
  expect(warnings[0]).toBe("'10' was not stored: is a symbolic link that leads nowhere.");
  expect(warnings[20]).toBe("The same holds for 10 more.");
});

test("once results are stored only the logs stay on the server; data goes in any case", async () => {
  await using bundle = await controlBundle();
  const { id } = await completed(bundle);
  const folder = join(bundle.home, "runs", id);
  await expect.poll(async () => (await readdir(folder)).toSorted()).toEqual(["attempt-1.staged", "learner-1"]);
});

test("a canceled run whose bucket refuses the results ends as canceled, keeps them here and says where", async () => {
  await using bundle = await controlBundle({
    script: () => ({ kind: "runs", onStop: "ends" }),
    wrapStore: putting(async () => Promise.reject(denied)),
  });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await bundle.control.runs.requestStop(id, 0, { account: "ann" });
  const run = await bundle.untilEnded(id);
  expect([run.state, run.failure, run.results]).toEqual(["canceled", null, null]);
  const results = join(bundle.home, "runs", id, "results");
  expect(run.warnings.join()).toContain(`They are kept in ${results}.`);
  await expect.poll(() => existsSync(join(bundle.home, "runs", id, "data"))).toBe(false);
  expect(existsSync(results)).toBe(true);
});

test("a server that ends while it stores leaves the rest to the next one", async () => {
  const isPutting = Promise.withResolvers<void>();
  let isFirst = true;
  await using bundle = await controlBundle({
    wrapStore: putting(async (real, key, content, signal) => {
      if (isFirst) {
        isFirst = false;
        isPutting.resolve();
        await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      }
      return real.put(key, content, signal);
    }),
  });
  const { id } = await bundle.submit();
  await isPutting.promise;
  // As if it had been killed instead, in the middle of a copy; and another server is in the middle of one of its own.
  const bucket = join(bundle.home, "buckets", "models");
  const others = partName("training-999999999/model");
  await mkdir(bucket, { recursive: true });
  for (const name of [partName(`${id}/model`), others]) await writeFile(join(bucket, name), "half");
  await bundle.restart();
  const run = await bundle.untilEnded(id);
  expect([run.state, run.warnings]).toEqual(["completed", []]);
  expect(await bundle.stored(id, MARKER)).toBe("0");
  expect((await readdir(bucket)).toSorted()).toEqual([others, id].toSorted());
});

test("a store that refuses to be cleaned up takes the results all the same", async () => {
  let refusals = 0;
  await using bundle = await controlBundle({
    database: (real) => ({
      saveRun: async (run, events) => {
        if (run.state === "completed" && refusals === 0) throw storeBusy("busy");
        return real.saveRun(run, events);
      },
    }),
    wrapStore: (real) => {
      const discardUnfinished = async (): Promise<void> => {
        refusals += 1;
        throw denied;
      };
      return withMethods(real, { discardUnfinished } as Partial<DataStore>);
    },
  });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "storing");
  await bundle.restart();
  expect((await bundle.untilEnded(id)).state).toBe("completed");
  expect([refusals, bundle.logged.filter((line) => line.startsWith("remains of an upload")).length]).toEqual([1, 1]);
});

test("a run that is removed the moment it has ended leaves no trouble behind", async () => {
  await using bundle = await controlBundle({
    database: (real) => ({
      saveRun: async (run, events) => {
        await real.saveRun(run, events);
        if (run.state === "completed") await real.deleteRun(run.id);
      },
    }),
  });
  const { id } = await bundle.submit();
  await expect.poll(async () => (await bundle.store.findRun(id)) === undefined).toBe(true);
  await bundle.restart();
  expect(bundle.logged).toEqual([]);
});

test("results of a running program are listed from its folder, up to a number, and the list says when it is cut", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop: "ends" }) });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  const list = async () => bundle.control.runs.results(id, AbortSignal.timeout(10_000));
  const folder = join(bundle.home, "runs", id, "results");
  await mkdir(join(folder, "b"));
  await writeFile(join(folder, "b", "model"), "12345");
  await symlink("/etc/passwd", join(folder, "link"));
  expect(await list()).toEqual({ source: "local", objects: [{ key: "b/model", sizeBytes: 5 }], truncated: false });
  for (let i = 0; i < 10_000; i += 1) writeFileSync(join(folder, `a${i}`), "");
  const { objects, truncated } = await list();
  expect([objects.length, truncated]).toEqual([10_000, true]);
});

test("a result that the disk does not give back is named, the others are stored, and the local copy stays", async () => {
  await using bundle = await controlBundle({
    script: program(async (folder) => {
      for (const name of ["good", "bad"]) await writeFile(join(folder("RESULT_DIR"), name), name);
    }),
    wrapStore: putting(async (real, key, content, ...rest) => {
      if (key.endsWith("/bad")) throw new UnreadableFile("bad", "cannot be read to be stored (EIO)");
      return real.put(key, content, ...rest);
    }),
  });
  const run = await completed(bundle);
  expect(run.state).toBe("completed");
  expect(run.warnings[0]).toBe("'bad' was not stored: cannot be read to be stored (EIO).");
  expect(await bundle.stored(run.id, "good")).toBe("good");
  await expect.poll(() => existsSync(join(bundle.home, "runs", run.id, "data"))).toBe(false);
  expect(existsSync(join(bundle.home, "runs", run.id, "results", "bad"))).toBe(true);
  expect(await holdsOnlyCopyOf(bundle.home, run)).toBe(true);
  expect(await holdsOnlyCopyOf(bundle.home, { ...run, warnings: [] })).toBe(false);
});

test("a log that the disk does not give back, or that a program put a link for, does not cost the results", async () => {
  await using bundle = await controlBundle({
    script: program(async (folder) => {
      await writeFile(join(folder("RESULT_DIR"), "model"), "weights");
      await rm(join(folder("LOG_DIR"), "training-log.txt"), { force: true });
      await symlink("/etc/passwd", join(folder("LOG_DIR"), "training-log.txt"));
    }),
    wrapStore: putting(async (real, key, content, ...rest) => {
      if (key.endsWith("/model.zip")) throw new UnreadableFile(key, "cannot be read to be stored (EIO)");
      return real.put(key, content, ...rest);
    }),
  });
  const run = await completed(bundle);
  expect(run.state).toBe("completed");
  expect(run.warnings).toContain("'_submitted_code/model.zip' was not stored: cannot be read to be stored (EIO).");
  expect(await bundle.stored(run.id, "model")).toBe("weights");
  expect(await bundle.stored(run.id, "training-log.txt")).toBe(undefined);
  expect(await bundle.stored(run.id, MARKER)).toBe("0");
});
