import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { systemClock } from "../base/clock.ts";
import { collect } from "./conformance.ts";
import { downloadBucket } from "./download-bucket.ts";
import { openDirectoryStore } from "./directory/directory-store.ts";
import { MemoryStore } from "./memory/memory-store.ts";
import { RemoteError } from "./remote-error.ts";
import { Retrier } from "./retry.ts";
import { TransferBudget } from "./transfer-budget.ts";

const live = new AbortController().signal;
const impatient = new Retrier({ attempts: 3, firstDelayMs: 1, maxDelayMs: 2 }, systemClock);

function budgetOf(requests: number): TransferBudget {
  return new TransferBudget({ requests, requestsPerStore: requests, bytesPerSecond: null }, systemClock);
}

async function setUp(objects: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-transfer-"));
  const bytes = new Map(Object.entries(objects).map(([key, value]) => [key, new Uint8Array(Buffer.from(value))]));
  const buckets = new Map([["bucket", bytes]]);
  return {
    folder,
    target: join(folder, "data"),
    buckets,
    bytes,
    store: new MemoryStore("bucket", buckets),
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }),
  };
}

/** Relative paths of all files, with their contents. */
async function tree(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(folder.length + 1)] = await readFile(path, "utf8");
  }
  return found;
}

test("all objects become files under their keys", async () => {
  const objects = { "train/a": "1", "train/deep/b": "22", c: "333", "file..txt": "4", empty: "" };
  await using bundle = await setUp(objects);
  const report = await downloadBucket(bundle.store, bundle.target, { signal: live });
  expect(report).toEqual({ objects: 5, sizeBytes: 7, excluded: 0, skippedCount: 0, skipped: [] });
  expect(await tree(bundle.target)).toEqual(objects);
});

test("with a prefix only its objects are brought, under the rest of their keys", async () => {
  await using bundle = await setUp({ "shared/a": "1", "shared/deep/b": "2", sharedness: "3", other: "4" });
  const report = await downloadBucket(bundle.store, bundle.target, { prefix: "shared/", signal: live });
  expect(report).toMatchObject({ objects: 2, sizeBytes: 2 });
  expect(await tree(bundle.target)).toEqual({ a: "1", "deep/b": "2" });
});

test("what is excluded is counted and not read", async () => {
  await using bundle = await setUp({ "training-abc/model": "old", x: "1" });
  const report = await downloadBucket(bundle.store, bundle.target, {
    exclude: (key) => key.startsWith("training-"),
    signal: live,
  });
  expect(report).toMatchObject({ objects: 1, excluded: 1 });
  expect(await tree(bundle.target)).toEqual({ x: "1" });
});

test("keys that cannot be paths in the folder are left out by name, and nothing lies outside", async () => {
  const hostile = [
    "../above",
    "a/../../above",
    "/absolute",
    "a//b",
    "./a",
    ".",
    "..",
    "nul\0",
    "b/..",
    "s".repeat(300),
  ];
  await using bundle = await setUp(Object.fromEntries([...hostile, "good"].map((key) => [key, "x"])));
  const report = await downloadBucket(bundle.store, bundle.target, { signal: live });
  expect(report).toMatchObject({ objects: 1, skippedCount: hostile.length });
  expect(report.skipped.map(({ key }) => key).sort()).toEqual([...hostile].sort());
  expect(await tree(bundle.folder)).toEqual({ "data/good": "x" });
});

test("folder keys make folders", async () => {
  await using bundle = await setUp({ "images/": "", "images/a": "1", "empty/folder/": "", "odd/": "content" });
  const report = await downloadBucket(bundle.store, bundle.target, { signal: live });
  expect(report).toMatchObject({ objects: 1, skipped: [{ key: "odd/" }] });
  expect((await lstat(join(bundle.target, "empty/folder"))).isDirectory()).toBe(true);
});

test("an empty object gives way to the folder of the same name, whichever comes first", async () => {
  for (const concurrency of [1, 16]) {
    await using bundle = await setUp({ x: "", "x/1": "1", "x/2": "2", "x/y": "", "x/y/3": "3" });
    const report = await downloadBucket(bundle.store, bundle.target, { signal: live, budget: budgetOf(concurrency) });
    expect(await tree(bundle.target)).toEqual({ "x/1": "1", "x/2": "2", "x/y/3": "3" });
    expect(report.objects).toBe(3);
    expect(report.skipped.map(({ key }) => key).sort()).toEqual(["x", "x/y"]);
  }
});

test("a file and a folder of one name end the transfer and are named", async () => {
  for (const concurrency of [1, 16]) {
    await using bundle = await setUp({ x: "file", "x/1": "1" });
    const transfer = downloadBucket(bundle.store, bundle.target, { signal: live, budget: budgetOf(concurrency) });
    await expect(transfer).rejects.toMatchObject({ reason: "invalid", message: expect.stringContaining("'x'") });
  }
});

test("a bucket folder is copied without links between the copies", async () => {
  await using bundle = await setUp();
  await mkdir(join(bundle.folder, "mnist/train"), { recursive: true });
  await writeFile(join(bundle.folder, "mnist/train/a"), "bytes");
  const store = openDirectoryStore({ root: bundle.folder, bucket: "mnist", create: false });
  expect(await downloadBucket(store, bundle.target, { signal: live })).toMatchObject({ objects: 1, sizeBytes: 5 });
  await writeFile(join(bundle.target, "train/a"), "changed");
  expect(await readFile(join(bundle.folder, "mnist/train/a"), "utf8")).toBe("bytes");
});

test("a link out of a bucket folder ends the transfer instead of being missing silently", async () => {
  await using bundle = await setUp();
  await mkdir(join(bundle.folder, "mnist"));
  await symlink("/etc/hostname", join(bundle.folder, "mnist/link"));
  const store = openDirectoryStore({ root: bundle.folder, bucket: "mnist", create: false });
  const transfer = downloadBucket(store, bundle.target, { signal: live });
  await expect(transfer).rejects.toMatchObject({ reason: "invalid", message: expect.stringContaining("'link'") });
});

/** A memory store whose answers are cut, changed or damaged by the test. */
class BadLine extends MemoryStore {
  reads = 0;
  spoil: (bytes: Buffer, read: number) => Iterable<Buffer | Error> = (bytes) => [bytes];

  override async read(key: string, offset: number, signal: AbortSignal): Promise<Readable> {
    const pieces: Buffer[] = await collect((await super.read(key, offset, signal)) as AsyncIterable<Buffer>);
    this.reads += 1;
    const spoiled = this.spoil(Buffer.concat(pieces), this.reads);
    return Readable.from(
      (function* () {
        for (const piece of spoiled) {
          if (piece instanceof Error) throw piece;
          yield piece;
        }
      })(),
      { objectMode: false },
    );
  }
}

const reset = new RemoteError("unreachable", "The connection was reset.", { retryable: true });

test("an answer that ends early is taken up where it ended", async () => {
  await using bundle = await setUp({ long: "0123456789".repeat(30_000) });
  const store = new BadLine("bucket", bundle.buckets);
  const offsets: number[] = [];
  store.spoil = (bytes, read) => {
    offsets.push(300_000 - bytes.length);
    return read % 2 === 0 ? [bytes.subarray(0, 70_000), reset] : [bytes.subarray(0, 70_000)];
  };
  await downloadBucket(store, bundle.target, { signal: live, retrier: impatient });
  expect(offsets).toEqual([0, 70_000, 140_000, 210_000, 280_000]);
  expect(await tree(bundle.target)).toEqual({ long: "0123456789".repeat(30_000) });
});

test("answers that never bring anything end with an error that names object and byte", async () => {
  await using bundle = await setUp({ stuck: "0123456789" });
  const store = new BadLine("bucket", bundle.buckets);
  store.spoil = (bytes, read) => (read === 1 ? [bytes.subarray(0, 4)] : []);
  const transfer = downloadBucket(store, bundle.target, { signal: live, retrier: impatient });
  await expect(transfer).rejects.toMatchObject({
    reason: "corrupted",
    message: "Object 'stuck' of bucket 'bucket' in memory ended after 4 of 10 bytes.",
  });
  expect(await tree(bundle.target)).toEqual({});
});

test("an object that is replaced half way is brought as it is now, never as a mixture", async () => {
  await using bundle = await setUp({ model: "A".repeat(100) });
  const store = new BadLine("bucket", bundle.buckets);
  store.spoil = (bytes, read) => {
    if (read === 1) bundle.bytes.set("model", new Uint8Array(Buffer.from("B".repeat(100))));
    return [read === 1 ? bytes.subarray(0, 50) : bytes];
  };
  await downloadBucket(store, bundle.target, { signal: live, retrier: impatient });
  expect(await tree(bundle.target)).toEqual({ model: "B".repeat(100) });
});

test("an object that was replaced by a longer or shorter one since it was listed is brought as it is now", async () => {
  for (const later of ["short", "longer".repeat(100)]) {
    await using bundle = await setUp({ model: "A".repeat(100) });
    const store = new BadLine("bucket", bundle.buckets);
    const list = store.list.bind(store);
    store.list = async function* (prefix, signal) {
      for await (const object of list(prefix, signal)) {
        bundle.bytes.set("model", new Uint8Array(Buffer.from(later)));
        yield object;
      }
    };
    const report = await downloadBucket(store, bundle.target, { signal: live, retrier: impatient });
    expect(await tree(bundle.target)).toEqual({ model: later });
    expect(report.sizeBytes).toBe(later.length);
  }
});

test("damaged bytes are asked for again, and never become a file", async () => {
  await using bundle = await setUp({ model: "weights" });
  const store = new BadLine("bucket", bundle.buckets);
  store.spoil = (bytes, read) => [read < 3 ? Buffer.from("wieghts") : bytes];
  await downloadBucket(store, bundle.target, { signal: live, retrier: impatient });
  expect(await tree(bundle.target)).toEqual({ model: "weights" });
  await rm(bundle.target, { recursive: true });
  store.spoil = () => [Buffer.from("wieghts")];
  const transfer = downloadBucket(store, bundle.target, { signal: live, retrier: impatient });
  await expect(transfer).rejects.toMatchObject({ reason: "corrupted", message: expect.stringContaining("'model'") });
  expect(await tree(bundle.target)).toEqual({});
});

test("an aborted transfer ends with the signal's reason and leaves no unfinished file", async () => {
  await using bundle = await setUp(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, "x"])));
  const stop = new AbortController();
  const transfer = downloadBucket(bundle.store, bundle.target, {
    signal: stop.signal,
    onObject: () => stop.abort(new Error("stop now")),
  });
  await expect(transfer).rejects.toThrow("stop now");
  expect(Object.keys(await tree(bundle.target)).every((path) => /^f\d+$/.test(path))).toBe(true);
});
