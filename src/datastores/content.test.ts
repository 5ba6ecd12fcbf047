import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failure } from "../../test/fixtures/failure.ts";
import { withMethods } from "../../test/fixtures/with-methods.ts";
import { md5Of, UnreadableFile } from "./content.ts";
import { MemoryStore } from "./memory/memory-store.ts";
import { uploadTree } from "./upload-tree.ts";

const live = new AbortController().signal;

test("a file that opens and cannot be read is named, with the system's reason", async () => {
  // Reading a folder fails as a bad disk does: only when the bytes are asked for.
  const path = tmpdir();
  const error = await failure(md5Of({ kind: "file", path, sizeBytes: (await stat(path)).size }, live));
  expect(error).toBeInstanceOf(UnreadableFile);
  expect(error).toMatchObject({ reason: "invalid", retryable: false });
  expect(error.message).toBe(`The file '${path}' cannot be read to be stored (EISDIR).`);
});

test("one file that cannot be read is skipped by name, and the others go up", async () => {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-unreadable-"));
  for (const name of ["a", "b", "c"]) await writeFile(join(folder, name), name);
  const objects = new Map<string, Uint8Array>();
  const store = withMethods(new MemoryStore("bucket", new Map([["bucket", objects]])), {
    put: async (key, content, signal) => {
      if (key === "run/b") throw new UnreadableFile(join(folder, "b"), "cannot be read to be stored (EIO)");
      return new MemoryStore("bucket", new Map([["bucket", objects]])).put(key, content, signal);
    },
  });
  const report = await uploadTree(store, "run/", folder, { signal: live });
  expect(report).toMatchObject({ objects: 2, skippedCount: 1, unreadCount: 1 });
  expect(report.skipped).toEqual([{ path: "b", reason: "cannot be read to be stored (EIO)" }]);
  expect([...objects.keys()].toSorted()).toEqual(["run/a", "run/c"]);
  await rm(folder, { recursive: true });
});
