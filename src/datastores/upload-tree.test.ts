import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { downloadBucket } from "./download-bucket.ts";
import { MemoryStore } from "./memory/memory-store.ts";
import { uploadTree } from "./upload-tree.ts";

const live = new AbortController().signal;

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

test("a tree goes up under its prefix, and what came down goes up as the same keys", async () => {
  const names = fc.stringMatching(/^[a-zA-Z0-9 ._\-äß😀%+]{1,12}$/u).filter((name) => !/^\.+$/.test(name));
  const paths = fc.uniqueArray(
    fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => `d/${parts.join("/")}`),
    {
      maxLength: 12,
    },
  );
  await fc.assert(
    fc.asyncProperty(paths, async (all) => {
      const keys = all.filter((key) => !all.some((other) => other.startsWith(`${key}/`)));
      await using bundle = await setUp(Object.fromEntries(keys.map((key) => [key, `content of ${key}`])));
      await downloadBucket(bundle.store, bundle.target, { signal: live });
      bundle.buckets.set("results", new Map());
      const results = new MemoryStore("results", bundle.buckets);
      const report = await uploadTree(results, "", bundle.target, { signal: live });
      expect(report.objects).toBe(keys.length);
      for (const [key, bytes] of bundle.bytes) {
        expect(Buffer.from(bundle.buckets.get("results")?.get(key) ?? []).equals(bytes)).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});

test("what cannot be an object is reported, and the rest goes up", async () => {
  await using bundle = await setUp();
  const results = join(bundle.folder, "results");
  await mkdir(join(results, "checkpoints"), { recursive: true });
  await writeFile(join(results, "checkpoints/10"), "weights");
  await writeFile(join(bundle.folder, "secret"), "outside");
  await symlink("checkpoints/10", join(results, "latest"));
  await symlink("../secret", join(results, "out"));
  await symlink("checkpoints", join(results, "folder"));
  await symlink("gone", join(results, "broken"));
  await promisify(execFile)("mkfifo", [join(results, "pipe")]);
  await writeFile(Buffer.concat([Buffer.from(`${results}/bad-`), Buffer.from([0xff])]), "x");
  const report = await uploadTree(bundle.store, "training-1/", results, { signal: live });
  expect([...bundle.bytes.keys()].sort()).toEqual(["training-1/checkpoints/10", "training-1/latest"]);
  expect(Buffer.from(bundle.bytes.get("training-1/latest") ?? []).toString()).toBe("weights");
  expect(Object.fromEntries(report.skipped.map(({ path, reason }) => [path, reason]))).toEqual({
    out: "is a symbolic link that leads out of its folder",
    folder: "is a symbolic link to a folder",
    broken: "is a symbolic link that leads nowhere",
    pipe: "is a pipe, a socket or a device",
    "bad-ÿ": "has a name that is not UTF-8",
  });
});

test("the caller names the keys, and null leaves a file alone", async () => {
  await using bundle = await setUp();
  await mkdir(bundle.target);
  for (const name of ["a", "b", "long"]) await writeFile(join(bundle.target, name), name);
  const keyOf = (path: string) => (path === "a" ? null : path === "long" ? "k".repeat(1024) : `moved/${path}`);
  const report = await uploadTree(bundle.store, "run/", bundle.target, { signal: live, keyOf });
  expect([...bundle.bytes.keys()]).toEqual(["run/moved/b"]);
  expect(report).toEqual({
    objects: 1,
    sizeBytes: 1,
    skippedCount: 1,
    unreadCount: 0,
    skipped: [{ path: "long", reason: "would have a key of more than 1024 bytes" }],
  });
});
