import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { appendFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withMethods } from "../fixtures/with-methods.ts";
import { stagingHome } from "../fixtures/staging-home.ts";

const live = new AbortController().signal;
const THREE = { "a.gz": "aaa", "x/b.gz": "bb", "x/c.txt": "c" };

test("what came once is listed and not asked for again", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  const first = await bundle.stage("one");
  expect(first).toMatchObject({ objects: 3, sizeBytes: 6, cachedObjects: 0, cachedBytes: 0 });
  expect(bundle.asked()).toEqual({ list: 1, get: 3 });
  const second = await bundle.stage("two");
  expect(second).toMatchObject({ objects: 3, sizeBytes: 6, cachedObjects: 3, cachedBytes: 6, tree: first.tree });
  expect(bundle.asked()).toEqual({ list: 1 });
  expect(await bundle.seen("one")).toEqual(THREE);
  expect(await bundle.seen("two")).toEqual(THREE);
});

test("a listing costs one request for each page, cold and warm", async () => {
  await using bundle = await stagingHome();
  bundle.server.pageSize = 100;
  bundle.put(Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`k${i}`, `${i}`])));
  await bundle.stage("one");
  expect(bundle.asked()).toEqual({ list: 3, get: 250 });
  await bundle.stage("two");
  expect(bundle.asked()).toEqual({ list: 3 });
});

test("runs that start together cause one download", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  const runs = Array.from({ length: 50 }, (_, i) => `run-${i}`);
  const staged = await Promise.all(runs.map(async (run) => bundle.stage(run)));
  expect(bundle.asked()).toEqual({ list: 50, get: 3 });
  expect(new Set(staged.map(({ tree }) => tree)).size).toBe(1);
  expect(await bundle.seen("run-49")).toEqual(THREE);
});

test("a run that gives up leaves the work to the next, which takes what is there already", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  const giveUp = new AbortController();
  bundle.server.faults = ({ operation, key }) => {
    if (operation !== "get" || key !== "x/c.txt" || giveUp.signal.aborted) return undefined;
    queueMicrotask(() => giveUp.abort(new Error("stopped")));
    return { kind: "silence" };
  };
  const first = bundle.stage("one", {}, giveUp.signal);
  const second = bundle.stage("two");
  await expect(first).rejects.toThrow("stopped");
  expect(await second).toMatchObject({ objects: 3 });
  expect(await bundle.seen("two")).toEqual(THREE);
  // Once for the run that gave up, once for the next.
  expect(bundle.server.requests.filter(({ key }) => key === "x/c.txt")).toHaveLength(2);
});

test("a run that may list and not read fails alone; those who wait for it try with their own rights", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  let refusals = 0;
  bundle.server.faults = ({ operation }) => {
    if (operation !== "get" || refusals > 0) return undefined;
    refusals += 1;
    return { kind: "error", status: 403, code: "AccessDenied" };
  };
  const ends = await Promise.allSettled([bundle.stage("one"), bundle.stage("two"), bundle.stage("three")]);
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(await bundle.seen("three")).toEqual(THREE);
});

test("a store that does not answer is asked by one of those who wait, and all are told", async () => {
  await using bundle = await stagingHome();
  bundle.put({ a: "aaa" });
  bundle.server.faults = ({ operation }) =>
    operation === "get" ? { kind: "error", status: 503, code: "ServiceUnavailable" } : undefined;
  const ends = await Promise.allSettled(Array.from({ length: 20 }, async (_, i) => bundle.stage(`run-${i}`)));
  expect(ends.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => "rejected"));
  expect(bundle.asked()["get"]).toBeLessThan(10);
});

test("an object that changed is brought again, and it alone", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  await bundle.stage("one");
  bundle.put({ "x/b.gz": "BB" });
  bundle.asked();
  expect(await bundle.stage("two")).toMatchObject({ objects: 3, cachedObjects: 2, cachedBytes: 4 });
  expect(bundle.asked()).toEqual({ list: 1, get: 1 });
  expect(await bundle.seen("two")).toEqual({ ...THREE, "x/b.gz": "BB" });
  expect(await bundle.seen("one")).toEqual(THREE);
});

test("an object that is replaced while data comes is the new one, and the run is told", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  bundle.server.faults = ({ operation, key }) => {
    if (operation === "get" && key === "x/b.gz") bundle.put({ "x/b.gz": "other" });
    return undefined;
  };
  const staged = await bundle.stage("one");
  expect(staged.changed).toEqual(["x/b.gz"]);
  expect(await bundle.seen("one")).toEqual({ ...THREE, "x/b.gz": "other" });
  bundle.asked();
  // What the cache keeps under the new listing is the new object.
  expect(await bundle.stage("two")).toMatchObject({ cachedObjects: 3, changed: [] });
  expect(bundle.asked()).toEqual({ list: 1 });
});

test.each([
  ["shortened", async (path: string) => truncate(path, 1)],
  ["lengthened", async (path: string) => appendFile(path, "!")],
  ["rewritten with as many bytes", async (path: string) => writeFile(path, "AAA")],
  ["removed", async (path: string) => rm(path)],
])("an entry that was %s is brought again", async (_what, damage) => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  const { tree } = await bundle.stage("one");
  await damage(join(bundle.home, tree, "files", "a.gz"));
  bundle.asked();
  const second = await bundle.stage("two");
  expect(second.objects).toBe(3);
  expect(bundle.asked()["get"] ?? 0).toBeLessThanOrEqual(1);
  expect(await bundle.seen("two")).toEqual(THREE);
});

test("a body that is damaged on the way never becomes an entry", async () => {
  await using bundle = await stagingHome();
  bundle.put({ a: "right" });
  bundle.server.faults = ({ operation }) => (operation === "get" ? { kind: "damage" } : undefined);
  await expect(bundle.stage("one")).rejects.toThrow();
  bundle.server.faults = () => undefined;
  bundle.asked();
  expect(await bundle.stage("two")).toMatchObject({ cachedObjects: 0 });
  expect(bundle.asked()).toEqual({ list: 1, get: 1 });
  expect(await bundle.seen("two")).toEqual({ a: "right" });
});

test("only what is selected comes, under its key without the prefix", async () => {
  await using bundle = await stagingHome();
  bundle.put({ ...THREE, "x/y/d.gz": "dddd" });
  const staged = await bundle.stage("one", { prefix: "x/", include: ["**/*.gz"], exclude: ["x/y/**"] });
  expect(staged).toMatchObject({ objects: 1, sizeBytes: 2, unselected: 2 });
  expect(await bundle.seen("one")).toEqual({ "b.gz": "bb" });
  expect(bundle.server.requests[0]?.url.searchParams.get("prefix")).toBe("x/");
  // Another selection of the same bucket has what both have in common from the cache.
  bundle.asked();
  expect(await bundle.stage("two")).toMatchObject({ objects: 4, cachedObjects: 1 });
  expect(bundle.asked()).toEqual({ list: 1, get: 3 });
});

test("nothing that matches is no tree", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  expect(await bundle.stage("one", { include: ["*.zip"] })).toMatchObject({ tree: "", objects: 0, unselected: 3 });
});

test("keys that cannot be files are named alike, cold and warm", async () => {
  await using bundle = await stagingHome();
  bundle.put({ "a//b": "1", folder: "", "folder/file": "2", "empty/": "", "full/": "3", good: "4" });
  const first = await bundle.stage("one");
  const second = await bundle.stage("two");
  expect(first.leftOut.map(({ key }) => key).toSorted()).toEqual(["a//b", "folder", "full/"]);
  expect(second.leftOut).toEqual(first.leftOut);
  expect(second).toMatchObject({ objects: 2, cachedObjects: 2 });
  expect(await bundle.seen("two")).toEqual({ "folder/file": "2", good: "4" });
  expect(existsSync(join(bundle.place("two").data, "empty"))).toBe(true);
});

test("two objects that would be one file end the staging", async () => {
  await using bundle = await stagingHome();
  bundle.put({ a: "full", "a/b": "below" });
  await expect(bundle.stage("one")).rejects.toThrow("would be the same file: 'a'");
});

test("the longest unused goes when the budget is spent, and never what a run uses", async () => {
  const view = { name: "links", leansOnTree: true, show: async () => {}, isShown: async () => true };
  const links = { view: { ...view, showAgain: async () => {} }, refused: [] };
  await using bundle = await stagingHome({ maxBytes: 3 * 4096, view: links });
  bundle.put({ "1/a": "a", "2/b": "b", "3/c": "c", "4/d": "d", "5/e": "e" });
  await bundle.stage("held", { prefix: "1/" });
  for (const n of [2, 3, 4, 5]) {
    await bundle.stage(`run-${n}`, { prefix: `${n}/` });
    await bundle.staging.release(`run-${n}`, bundle.place(`run-${n}`));
  }
  await expect.poll(() => bundle.staging.figures()).toMatchObject({ objects: 3, sizeBytes: 3 * 4096, heldTrees: 1 });
  bundle.asked();
  for (const [n, gets] of [
    [1, undefined],
    [5, undefined],
    [4, undefined],
    [2, 1],
  ] as const) {
    await bundle.stage(`again-${n}`, { prefix: `${n}/` });
    expect([n, bundle.asked()["get"]]).toEqual([n, gets]);
  }
});

test("more than the budget is staged all the same, and goes when the run has ended", async () => {
  const view = { name: "links", leansOnTree: true, show: async () => {}, isShown: async () => true };
  const links = { view: { ...view, showAgain: async () => {} }, refused: [] };
  await using bundle = await stagingHome({ maxBytes: 0, view: links });
  bundle.put(THREE);
  const { tree } = await bundle.stage("one");
  expect(bundle.staging.figures().objects).toBe(3);
  await bundle.restart([{ holder: "one", tree }]);
  expect(bundle.staging.figures()).toMatchObject({ objects: 3, heldTrees: 1 });
  expect(await bundle.staging.clear()).toBe(0);
  await bundle.staging.release("one", bundle.place("one"));
  await expect.poll(() => bundle.staging.figures().objects).toBe(0);
  expect(existsSync(join(bundle.home, tree))).toBe(false);
});

test("of a bucket that changes again and again the last trees are kept, and those that runs use", async () => {
  const view = { name: "links", leansOnTree: true, show: async () => {}, isShown: async () => true };
  const links = { view: { ...view, showAgain: async () => {} }, refused: [] };
  await using bundle = await stagingHome({ view: links });
  bundle.put(THREE);
  const { tree } = await bundle.stage("held");
  for (let day = 1; day <= 8; day += 1) {
    bundle.put({ news: `of day ${day}` });
    await bundle.stage(`day-${day}`);
    await bundle.staging.release(`day-${day}`, bundle.place(`day-${day}`));
  }
  const scope = join(bundle.home, tree, "..");
  await expect.poll(async () => (await readdir(scope)).length).toBeLessThanOrEqual(5);
  expect(existsSync(join(bundle.home, tree, "files", "a.gz"))).toBe(true);
  bundle.asked();
  expect(await bundle.stage("last")).toMatchObject({ objects: 4, cachedObjects: 4 });
});

test("what is fetched ahead needs no download when its run starts", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  expect(await bundle.staging.fetchAhead(bundle.wanted(), 1000, live)).toBe(6);
  bundle.asked();
  expect(await bundle.stage("one")).toMatchObject({ cachedObjects: 3 });
  expect(bundle.asked()).toEqual({ list: 1 });
});

test("more than the cache may take is not fetched ahead", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  await expect(bundle.staging.fetchAhead(bundle.wanted(), 5, live)).rejects.toThrow("It is more than 5 B.");
});

test("whoever fetches ahead steps back for a run with other data, not for one that waits for the same", async () => {
  await using bundle = await stagingHome();
  bundle.put({ "ahead/a": "a", "other/b": "b" });
  const isAsked = Promise.withResolvers<void>();
  let silences = 1;
  bundle.server.faults = ({ operation, key }) => {
    if (operation !== "get" || key !== "ahead/a" || silences === 0) return undefined;
    silences -= 1;
    isAsked.resolve();
    return { kind: "silence" };
  };
  const ahead = bundle.staging.fetchAhead(bundle.wanted({ prefix: "ahead/" }), 1000, live);
  await isAsked.promise;
  const same = bundle.stage("same", { prefix: "ahead/" });
  await bundle.stage("other", { prefix: "other/" });
  expect(await ahead).toBeUndefined();
  expect(await same).toMatchObject({ objects: 1, cachedObjects: 0 });
});

test("a run that loads says how far it is", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  const isAsked = Promise.withResolvers<void>();
  const goOn = new AbortController();
  bundle.server.faults = ({ operation, key }) => {
    if (operation !== "get" || key !== "x/c.txt") return undefined;
    isAsked.resolve();
    return { kind: "silence" };
  };
  const loading = bundle.stage("one", {}, goOn.signal);
  await isAsked.promise;
  await expect
    .poll(() => bundle.staging.progressOf("one"))
    .toMatchObject({ objects: 2, sizeBytes: 5, wantedObjects: 3, wantedBytes: 6, isListed: true });
  goOn.abort(new Error("enough"));
  await expect(loading).rejects.toThrow("enough");
  expect(bundle.staging.progressOf("one")).toBeNull();
});

test("clearing removes what no run uses", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  await bundle.stage("one");
  expect(await bundle.staging.clear()).toBe(3 * 4096);
  expect(bundle.staging.figures()).toMatchObject({ objects: 0, sizeBytes: 0 });
  expect(await bundle.stage("two")).toMatchObject({ cachedObjects: 0 });
});

test("what a server that was killed had brought is not asked for again, and its drafts go", async () => {
  await using bundle = await stagingHome();
  bundle.put(THREE);
  const stopped = new AbortController();
  const order = bundle.wanted({}, (store) =>
    withMethods(store, {
      list: async function* (prefix, signal) {
        yield* store.list(prefix, signal);
        // The listing ends when all but the last bytes are here.
        await expect.poll(() => bundle.staging.figures().objects).toBe(3);
        stopped.abort(new Error("killed"));
        signal.throwIfAborted();
      },
    }),
  );
  await expect(bundle.staging.stage("one", order, bundle.place("one"), stopped.signal)).rejects.toThrow("killed");
  writeFileSync(join(bundle.home, "cache", "tmp", "half"), "ha");
  await bundle.restart();
  expect(await readdir(join(bundle.home, "cache", "tmp"))).toEqual([]);
  bundle.asked();
  expect(await bundle.stage("two")).toMatchObject({ cachedObjects: 3 });
  expect(bundle.asked()).toEqual({ list: 1 });
});

test("trees that show the same objects have the same files", async () => {
  await using bundle = await stagingHome();
  bundle.put(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`d/${i}`, `${i}`])));
  await bundle.stage("one");
  await bundle.stage("two", { prefix: "d/" });
  const inodes = spawnSync("find", [join(bundle.home, "cache"), "-type", "f", "-printf", "%i\n"], { encoding: "utf8" });
  expect(new Set(inodes.stdout.trim().split("\n")).size).toBe(50);
});
