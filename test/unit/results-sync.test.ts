import { existsSync } from "node:fs";
import { appendFile, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import type { DataStore } from "../../src/datastores/datastore.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { controlBundle, MANIFEST } from "./control-bundle.ts";

const SYNCED = MANIFEST.replace("training_results: {", "training_results: {sync: 5m, ");
const EVERY_MS = 300_000;
const away = new RemoteError("unreachable", "bucket 'models' does not answer.", { retryable: true });

/** A clock whose pauses between looks end when the test says so. */
function lookClock() {
  let waiting = Promise.withResolvers<() => void>();
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms, signal) => {
      if (ms !== EVERY_MS) return systemClock.sleep(ms, signal);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.resolve(resolve);
      signal?.addEventListener("abort", () => {
        // The next look is another server's.
        waiting = Promise.withResolvers();
        reject(signal.reason as Error);
      });
      return promise;
    },
  };
  /** Lets one look happen, and resolves when it is over. */
  const look = async (): Promise<void> => {
    const begin = await waiting.promise;
    waiting = Promise.withResolvers();
    begin();
    await waiting.promise;
  };
  return { clock, look };
}

async function setUp() {
  const { clock, look } = lookClock();
  const bucket = { trouble: null as RemoteError | null, puts: [] as string[] };
  const bundle = await controlBundle({
    clock,
    script: () => ({ kind: "runs", onStop: "ends" }),
    wrapStore: (real: DataStore) =>
      withMethods(real, {
        put: async (key, ...rest) => {
          if (bucket.trouble !== null) throw bucket.trouble;
          bucket.puts.push(key);
          return real.put(key, ...rest);
        },
      }),
  });
  const { id } = await bundle.submit(SYNCED);
  await bundle.untilState(id, "running");
  const folder = (name: string): string => join(bundle.home, "runs", id, name);
  const names = (): string[] => bucket.puts.splice(0).map((key) => key.slice(id.length + 1));
  const stop = async () => {
    await bundle.control.runs.requestStop(id, 0, { account: "ann" });
    return bundle.untilEnded(id);
  };
  return Object.assign(bundle, { id, look, bucket, folder, names, stop });
}

test("what stood still between two looks is in the bucket while the program runs, and the marker is not", async () => {
  await using bundle = await setUp();
  await writeFile(join(bundle.folder("results"), "model"), "weights 1");
  await mkdir(join(bundle.folder("checkpoints"), "step"));
  await writeFile(join(bundle.folder("checkpoints"), "step", "9"), "nine");
  await bundle.look();
  expect(await bundle.stored(bundle.id, "model")).toBeUndefined();
  await bundle.look();
  expect(await bundle.stored(bundle.id, "model")).toBe("weights 1");
  expect(await bundle.stored(bundle.id, "_wml_checkpoints/step/9")).toBe("nine");
  expect(await bundle.stored(bundle.id, "learner-1/.log-copy-complete")).toBeUndefined();
  expect((await bundle.control.runs.get(bundle.id)).state).toBe("running");
});

test("only what changed is sent again, and the end sends no more than that", async () => {
  await using bundle = await setUp();
  const results = bundle.folder("results");
  await writeFile(join(results, "a"), "a");
  await writeFile(join(results, "b"), "b");
  for (let i = 0; i < 3; i += 1) await bundle.look();
  const first = bundle.names();
  expect(first.filter((name) => name === "a" || name === "b").toSorted()).toEqual(["a", "b"]);
  await writeFile(join(results, "b"), "b changed");
  for (let i = 0; i < 3; i += 1) await bundle.look();
  expect(bundle.names()).toEqual(["b"]);
  const run = await bundle.stop();
  expect(run.warnings).toEqual([]);
  expect(await bundle.stored(bundle.id, "b")).toBe("b changed");
});

test("a file that changes from look to look waits until it stands still; its log goes as far as it is", async () => {
  await using bundle = await setUp();
  const model = join(bundle.folder("results"), "model");
  const log = join(bundle.folder("learner-1"), "training-log.txt");
  for (let i = 1; i <= 3; i += 1) {
    await writeFile(model, "weights");
    await utimes(model, i, i);
    await appendFile(log, `line ${i}\n`);
    await bundle.look();
    expect(await bundle.stored(bundle.id, "model")).toBeUndefined();
    expect(await bundle.stored(bundle.id, "learner-1/training-log.txt")).toContain(`line ${i}\n`);
  }
  await bundle.look();
  expect(await bundle.stored(bundle.id, "model")).toBe("weights");
});

test("what a program deletes stays in the bucket", async () => {
  await using bundle = await setUp();
  const model = join(bundle.folder("results"), "model");
  await writeFile(model, "weights");
  for (let i = 0; i < 2; i += 1) await bundle.look();
  await rm(model);
  await bundle.look();
  await bundle.stop();
  expect(await bundle.stored(bundle.id, "model")).toBe("weights");
});

test("a bucket that is away while the program runs is one warning, and all is stored at the end", async () => {
  await using bundle = await setUp();
  await writeFile(join(bundle.folder("results"), "model"), "weights");
  await bundle.look();
  bundle.bucket.trouble = away;
  await bundle.look();
  await bundle.look();
  bundle.bucket.trouble = null;
  const run = await bundle.stop();
  expect(run).toMatchObject({ state: "canceled", failure: null });
  expect(run.warnings).toHaveLength(1);
  expect(run.warnings[0]).toContain("Results could not be copied to the bucket while the program runs");
  expect(await bundle.stored(bundle.id, "model")).toBe("weights");
});

test("the server after this one goes on copying", async () => {
  await using bundle = await setUp();
  await writeFile(join(bundle.folder("results"), "model"), "weights");
  await bundle.restart();
  await bundle.look();
  await bundle.look();
  await bundle.look();
  expect(await bundle.stored(bundle.id, "model")).toBe("weights");
});

test("a copy of the log that a server left when it died goes with the run's end", async () => {
  await using bundle = await setUp();
  await writeFile(bundle.folder("log-copy"), "half");
  await bundle.stop();
  await expect.poll(() => existsSync(bundle.folder("log-copy"))).toBe(false);
});
