import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { collect, describeDataStore } from "../conformance.ts";
import { compareKeys } from "../key-path.ts";
import { openDirectoryStore } from "./directory-store.ts";
import { partName } from "./unfinished-parts.ts";
import { text } from "../../../test/fixtures/text-content.ts";

const live = new AbortController().signal;

describeDataStore("the directory store", async () => {
  const root = await mkdtemp(join(tmpdir(), "trainyard-directory-"));
  await mkdir(join(root, "bucket"));
  return {
    open: async () => openDirectoryStore({ root, bucket: "bucket", create: false }),
    openMissingBucket: async () => openDirectoryStore({ root, bucket: "missing", create: false }),
    abilities: {
      anyKey: false,
      maxPartBytes: 200,
      md5Etags: false,
      largeObjectBytes: 5_000_000,
      manyObjects: 1200,
    },
    [Symbol.asyncDispose]: async () => rm(root, { recursive: true }),
  };
});

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-directory-"));
  const root = join(folder, "buckets");
  const bucket = join(root, "mnist");
  await mkdir(bucket, { recursive: true });
  await writeFile(join(folder, "secret"), "outside");
  return {
    folder,
    root,
    bucket,
    store: openDirectoryStore({ root, bucket: "mnist", create: false }),
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }),
  };
}

test("a results bucket is empty until its first put makes it", async () => {
  await using bundle = await setUp();
  const store = openDirectoryStore({ root: bundle.root, bucket: "results", create: true });
  expect(await collect(store.list("", live))).toEqual([]);
  expect(await store.head("a", live)).toBeUndefined();
  await store.put("training-1/model/a", text("weights"), live);
  expect(await readFile(join(bundle.root, "results/training-1/model/a"), "utf8")).toBe("weights");
});

test("copies that a crash left of keys in one folder are removed, and no others", async () => {
  await using bundle = await setUp();
  const others = [partName("training-2/model"), partName("training-10/model"), "training-1"];
  for (const name of [partName("training-1/a"), partName("training-1/b/c"), ...others]) {
    await writeFile(join(bundle.bucket, name), "half");
  }
  await bundle.store.discardUnfinished("training-1/", live);
  expect((await readdir(bundle.bucket)).toSorted()).toEqual(others.toSorted());
});

test("a bucket that waits for its first put has nothing unfinished", async () => {
  await using bundle = await setUp();
  const store = openDirectoryStore({ root: bundle.root, bucket: "results", create: true });
  await expect(store.discardUnfinished("training-1/", live)).resolves.toBeUndefined();
});

test("a root that is not there is a missing bucket, also for results", async () => {
  await using bundle = await setUp();
  const store = openDirectoryStore({ root: join(bundle.folder, "elsewhere"), bucket: "mnist", create: true });
  await expect(store.put("a", text("x"), live)).rejects.toMatchObject({ reason: "bucket_missing" });
});

test.each(["", ".", "..", "a/b", "../mnist", "a\0b"])("%j is no bucket name", async (bucket) => {
  expect(() => openDirectoryStore({ root: "/data", bucket, create: true })).toThrow(/cannot be the name of a bucket/);
});

test("a bucket that is a link out of the root is refused", async () => {
  await using bundle = await setUp();
  await symlink(bundle.folder, join(bundle.root, "sneaky"));
  const store = openDirectoryStore({ root: bundle.root, bucket: "sneaky", create: true });
  await expect(store.read("secret", 0, live)).rejects.toMatchObject({ reason: "denied" });
  await expect(store.put("secret", text("x"), live)).rejects.toMatchObject({ reason: "denied" });
});

test.each([
  ["a file outside", "../../secret", /leads out of the bucket/],
  ["a folder outside", "../..", /leads out of the bucket/],
  ["a folder inside", "folder", /leads to a folder/],
  ["nothing", "gone", /leads nowhere/],
])("a link to %s is listed, and reading it is refused by name", async (_, target, message) => {
  await using bundle = await setUp();
  await mkdir(join(bundle.bucket, "folder"));
  await symlink(target, join(bundle.bucket, "link"));
  expect(await collect(bundle.store.list("", live))).toEqual([{ key: "link", sizeBytes: 0, etag: null }]);
  for (const call of [
    async () => bundle.store.read("link", 0, live),
    async () => bundle.store.copyToFile("link", join(bundle.folder, "copy"), live),
  ]) {
    await expect(call()).rejects.toMatchObject({ reason: "invalid", message: expect.stringMatching(message) });
  }
});

test("a link to a file of the same bucket is that file's content", async () => {
  await using bundle = await setUp();
  await writeFile(join(bundle.bucket, "data"), "inside");
  await symlink("data", join(bundle.bucket, "link"));
  expect(await collect(bundle.store.list("", live))).toMatchObject([
    { key: "data", sizeBytes: 6 },
    { key: "link", sizeBytes: 6 },
  ]);
  expect(await textOf(await bundle.store.read("link", 0, live))).toBe("inside");
});

test("nothing is written or read through a linked folder", async () => {
  await using bundle = await setUp();
  await symlink(bundle.folder, join(bundle.bucket, "out"));
  for (const key of ["out/planted", "out/new/planted"]) {
    await expect(bundle.store.put(key, text("x"), live)).rejects.toMatchObject({ reason: "invalid" });
  }
  expect((await readdir(bundle.folder)).sort()).toEqual(["buckets", "secret"]);
  await expect(bundle.store.read("out/secret", 0, live)).rejects.toMatchObject({ reason: "invalid" });
  expect(await collect(bundle.store.list("out/", live))).toEqual([]);
});

test("keys that are no paths are refused, and there is nothing under them", async () => {
  await using bundle = await setUp();
  for (const key of ["../secret", "/etc/passwd", "a//b", "a/../../../secret", "folder/"]) {
    await expect(bundle.store.put(key, text("x"), live)).rejects.toMatchObject({ reason: "invalid" });
    await expect(bundle.store.read(key, 0, live)).rejects.toMatchObject({ reason: "object_missing" });
    expect(await bundle.store.head(key, live)).toBeUndefined();
  }
});

test("a file and a folder of one name are told apart with a sentence", async () => {
  await using bundle = await setUp();
  await bundle.store.put("a/b", text("x"), live);
  await expect(bundle.store.put("a", text("y"), live)).rejects.toMatchObject({ reason: "invalid" });
  await expect(bundle.store.put("a/b/c", text("y"), live)).rejects.toThrow(
    /needs the folder 'b', and a file is in its/,
  );
  expect(await bundle.store.head("a/b/c", live)).toBeUndefined();
  expect((await readdir(bundle.bucket)).sort()).toEqual(["a"]);
});

test("an unfinished copy is never listed", async () => {
  await using bundle = await setUp();
  await writeFile(join(bundle.bucket, ".trainyard-part-abc"), "half");
  expect(await collect(bundle.store.list("", live))).toEqual([]);
  expect(await collect(bundle.store.list(".train", live))).toEqual([]);
});

test("pipes are no objects and are never opened", async () => {
  await using bundle = await setUp();
  await promisify(execFile)("mkfifo", [join(bundle.bucket, "pipe")]);
  expect(await collect(bundle.store.list("", live))).toEqual([]);
  await expect(bundle.store.read("pipe", 0, live)).rejects.toMatchObject({ reason: "object_missing" });
});

test("a file whose name is not UTF-8 is named instead of left out", async () => {
  await using bundle = await setUp();
  await writeFile(Buffer.concat([Buffer.from(`${bundle.bucket}/bad-`), Buffer.from([0xff])]), "x");
  await expect(collect(bundle.store.list("", live))).rejects.toMatchObject({
    reason: "invalid",
    message: expect.stringContaining("bad-"),
  });
});

test("a copy to a file is a new file with the object's bytes", async () => {
  await using bundle = await setUp();
  await bundle.store.put("data", text("bytes"), live);
  const target = join(bundle.folder, "copy");
  expect(await bundle.store.copyToFile("data", target, live)).toBe(5);
  expect(await readFile(target, "utf8")).toBe("bytes");
  expect((await stat(target)).nlink).toBe(1);
  await expect(bundle.store.copyToFile("data", target, live)).rejects.toMatchObject({ code: "EEXIST" });
});

test("a large file is copied piece by piece, and an abort is felt in the middle", async () => {
  await using bundle = await setUp();
  const sizeBytes = 70 * 1024 * 1024;
  await writeFile(join(bundle.bucket, "large"), "head");
  await truncate(join(bundle.bucket, "large"), sizeBytes);
  const target = join(bundle.folder, "copy");
  expect(await bundle.store.copyToFile("large", target, live)).toBe(sizeBytes);
  expect((await stat(target)).size).toBe(sizeBytes);
  const stop = new AbortController();
  const copy = bundle.store.copyToFile("large", join(bundle.folder, "aborted"), stop.signal);
  setImmediate(() => stop.abort(new Error("stop now")));
  await expect(copy).rejects.toThrow("stop now");
});

test("a bucket that is not there is told with its place, and with the name that was probably meant", async () => {
  const root = await mkdtemp(join(tmpdir(), "trainyard-buckets-"));
  try {
    await mkdir(join(root, "houses"));
    const store = openDirectoryStore({ root, bucket: "hauses", create: false });
    const failure = collect(store.list("", AbortSignal.timeout(1000)));
    await expect(failure).rejects.toMatchObject({
      reason: "bucket_missing",
      message: expect.stringContaining(`there is no folder '${join(root, "hauses")}', but there is 'houses'.`),
    });
  } finally {
    await rm(root, { recursive: true });
  }
});

test("objects of one new folder that are put together are all there, in a folder that is made once", async () => {
  await using bundle = await setUp();
  const store = openDirectoryStore({ root: bundle.root, bucket: "new", create: true });
  const keys = Array.from({ length: 8 }, (_, index) => `run/learner-${index % 2}/log-${index}`);
  const put = async (key: string) => store.put(key, { kind: "bytes", bytes: Buffer.from(key) }, live, null);
  const objects = await Promise.all(keys.map(put));
  const listed = [];
  for await (const object of store.list("", live)) listed.push(object);
  expect(listed).toEqual(objects.toSorted((one, other) => compareKeys(one.key, other.key)));
});

test("a folder that was removed between two puts is made again", async () => {
  await using bundle = await setUp();
  const store = openDirectoryStore({ root: bundle.root, bucket: "new", create: true });
  const put = async (key: string) => store.put(key, { kind: "bytes", bytes: Buffer.from(key) }, live);
  await put("run/first");
  await rm(join(bundle.root, "new", "run"), { recursive: true });
  expect(await put("run/second")).toMatchObject({ key: "run/second" });
});
