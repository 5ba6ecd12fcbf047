import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { mountsBelow } from "../../src/base/mounts.ts";
import type { DataStore } from "../../src/datastores/datastore.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { type ControlBundle, controlBundle, MANIFEST } from "./control-bundle.ts";

const WITH_DATA = `${MANIFEST}training_data: {source: {bucket: mnist, type: directory}}\n`;
const OBJECTS = { "train.gz": "images", "labels/train.gz": "labels", "notes.txt": "n" };

async function withData(bundle: ControlBundle): Promise<void> {
  for (const [key, text] of Object.entries(OBJECTS)) {
    const path = join(bundle.home, "buckets", "mnist", key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

function selecting(selection: string): string {
  return `${MANIFEST}training_data: {source: {bucket: mnist, type: directory}, ${selection}}\n`;
}

test("a run says how its data came, and the next one has all of it from the cache", async () => {
  await using bundle = await controlBundle();
  await withData(bundle);
  const first = await bundle.untilEnded((await bundle.submit(WITH_DATA)).id);
  expect(first.staged).toMatchObject({ objects: 3, sizeBytes: 13, cachedObjects: 0, cachedBytes: 0 });
  const second = await bundle.untilEnded((await bundle.submit(WITH_DATA)).id);
  expect(second.staged).toMatchObject({ objects: 3, sizeBytes: 13, cachedObjects: 3, cachedBytes: 13 });
  expect(bundle.control.cache.figures()).toMatchObject({ hitObjects: 3, missObjects: 3, objects: 3 });
  const log = await bundle.stored(second.id, "learner-1/load-data.log");
  expect(log).toMatch(/Loading all objects of bucket 'mnist'.*\n.*Loaded 3 objects, 13 B, in .* s; 3 of them \(13 B\)/);
});

test("an ended run holds nothing of the cache, and nothing is mounted in its directory", async () => {
  await using bundle = await controlBundle();
  await withData(bundle);
  const run = await bundle.untilEnded((await bundle.submit(WITH_DATA)).id);
  await expect.poll(async () => readdir(join(bundle.home, "runs", run.id))).not.toContain("data");
  expect(await readdir(join(bundle.home, "runs", run.id))).not.toContain("data.changes");
  expect(await mountsBelow(bundle.home)).toEqual([]);
  expect(await bundle.control.cache.clear()).toBe(3 * 4096);
});

test("a server that takes a run over leaves its data alone, whatever is cleared", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop: "ends" }) });
  await withData(bundle);
  const { id } = await bundle.submit(WITH_DATA);
  const run = await bundle.untilState(id, "running");
  await bundle.restart();
  expect(await bundle.control.cache.clear()).toBe(0);
  expect(await readFile(join(bundle.home, "runs", id, "data", "train.gz"), "utf8")).toBe("images");
  expect((await bundle.control.runs.get(id)).staged).toEqual(run.staged);
  await bundle.control.runs.requestStop(id, 0, { account: "ann" });
  await bundle.untilEnded(id);
  await expect.poll(async () => mountsBelow(bundle.home)).toEqual([]);
});

test("a server starts whatever a loss of power, or a program, has made of the record of a run's data", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop: "ends" }) });
  await withData(bundle);
  const { id } = await bundle.submit(WITH_DATA);
  await bundle.untilState(id, "running");
  for (const spoiled of ["", "null", '{"tree":1}']) {
    await writeFile(join(bundle.home, "runs", id, "attempt-1.data.json"), spoiled);
    await bundle.restart();
  }
  await bundle.control.runs.requestStop(id, 0, { account: "ann" });
  expect((await bundle.untilEnded(id)).state).toBe("canceled");
});

test("only the part of a bucket that the manifest asks for comes, under its key without the prefix", async () => {
  const seen: string[] = [];
  await using bundle = await controlBundle({
    engine: (real) => ({
      start: async (task, signal) => {
        seen.push(...(await readdir(task.env["DATA_DIR"] ?? "")));
        return real.start(task, signal);
      },
    }),
  });
  await withData(bundle);
  const run = await bundle.untilEnded((await bundle.submit(selecting("prefix: labels/"))).id);
  expect([run.state, seen]).toEqual(["completed", ["train.gz"]]);
});

test("a selection that matches nothing fails the run and names the patterns", async () => {
  await using bundle = await controlBundle();
  await withData(bundle);
  const { id } = await bundle.submit(selecting(`include: ["**/*.zip"], exclude: ["raw/**"]`));
  const { failure } = await bundle.untilEnded(id);
  expect(failure?.cause).toBe("data_missing");
  expect(failure?.hint).toContain("prefix, include and exclude");
  expect(failure?.message).toContain("no objects that match '**/*.zip' and do not match 'raw/**'");
});

test("an object that is replaced while it is loaded is a warning of the run", async () => {
  let isReplaced = false;
  await using bundle = await controlBundle({
    wrapStore: (real: DataStore, bucket) =>
      withMethods(real as DataStore & { copyToFile(key: string, path: string, signal: AbortSignal): Promise<number> }, {
        copyToFile: async (key, path, signal) => {
          const size = await Reflect.apply(Reflect.get(real, "copyToFile") as () => Promise<number>, real, [
            key,
            path,
            signal,
          ]);
          if (bucket === "mnist" && key === "train.gz" && !isReplaced) {
            isReplaced = true;
            await writeFile(join(bundle.home, "buckets", "mnist", key), "other images");
          }
          return size;
        },
      }),
  });
  await withData(bundle);
  const run = await bundle.untilEnded((await bundle.submit(WITH_DATA)).id);
  expect(run.warnings).toEqual([
    "'train.gz' of the training data was replaced while it was loaded; the new content is used.",
  ]);
  expect(run.staged?.sizeBytes).toBe(13 - 6 + 12);
});

test("the data of a run that waits is fetched while another holds the devices", async () => {
  await using bundle = await controlBundle({ slots: 1, script: () => ({ kind: "runs", onStop: "ends" }) });
  await withData(bundle);
  const first = await bundle.submit();
  await bundle.untilState(first.id, "running");
  const second = await bundle.submit(WITH_DATA);
  await expect.poll(() => bundle.control.cache.figures().objects, { timeout: 8000 }).toBe(3);
  expect((await bundle.control.runs.get(second.id)).state).toBe("pending");
  await bundle.control.runs.requestStop(first.id, 0, { account: "ann" });
  const { staged } = await bundle.untilState(second.id, "running");
  expect(staged).toMatchObject({ objects: 3, cachedObjects: 3 });
  await bundle.control.runs.requestStop(second.id, 0, { account: "ann" });
  await bundle.untilEnded(second.id);
});

test("data that could not be fetched ahead is fetched when the run has its turn", async () => {
  const tried = Promise.withResolvers<void>();
  let looks = 0;
  await using bundle = await controlBundle({
    slots: 1,
    script: () => ({ kind: "runs", onStop: "ends" }),
    wrapStore: (real, bucket) =>
      withMethods(
        real,
        bucket !== "mnist"
          ? {}
          : {
              list: (prefix, signal) => {
                looks += 1;
                if (looks > 1) return real.list(prefix, signal);
                tried.resolve();
                throw new RemoteError("denied", "Not now.", { retryable: false });
              },
            },
      ),
  });
  await withData(bundle);
  const first = await bundle.submit();
  await bundle.untilState(first.id, "running");
  const second = await bundle.submit(WITH_DATA);
  await tried.promise;
  await bundle.control.runs.requestStop(first.id, 0, { account: "ann" });
  const { staged } = await bundle.untilState(second.id, "running");
  expect(staged).toMatchObject({ objects: 3, cachedObjects: 0 });
  await bundle.control.runs.requestStop(second.id, 0, { account: "ann" });
  await bundle.untilEnded(second.id);
});
