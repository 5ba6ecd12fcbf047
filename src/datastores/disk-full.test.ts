import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/**
 * A process whose files may not grow beyond a limit stands in for a full disk: the kernel refuses the very write that
 * does not fit, at any byte, and no privileges are needed.
 */
const PROGRAM = `
  import { writeFile } from "node:fs/promises";
  const [base, folder, sizeBytes] = [process.argv[1], process.argv[2], Number(process.argv[3])];
  const { openDirectoryStore } = await import(base + "/directory/directory-store.ts");
  const { MemoryStore } = await import(base + "/memory/memory-store.ts");
  const { downloadBucket } = await import(base + "/download-bucket.ts");
  const live = new AbortController().signal;
  const outcome = async (work) => {
    try { await work(); return "done"; } catch (error) {
      return { name: error.name, reason: error.reason, retryable: error.retryable, message: error.message };
    }
  };
  const store = openDirectoryStore({ root: folder, bucket: "results", create: true });
  const content = { kind: "bytes", bytes: Buffer.alloc(sizeBytes, 1) };
  const put = await outcome(() => store.put("run/model", content, live));
  const buckets = new Map([["data", new Map([["big", content.bytes], ["small", Buffer.from("x")]])]]);
  const stage = await outcome(() => downloadBucket(new MemoryStore("data", buckets), folder + "/staged", { signal: live }));
  console.log(JSON.stringify({ put, stage }));
`;

interface Outcome {
  readonly reason: string;
  readonly retryable: boolean;
  readonly message: string;
}

async function runWithLimit(blocks: number, sizeBytes: number) {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-full-"));
  await mkdir(join(folder, "results"));
  const args = ["--input-type=module", "--eval", PROGRAM, "--", import.meta.dirname, folder, String(sizeBytes)];
  const shell = 'ulimit -f "$0"; exec "$@"';
  const { stdout } = await promisify(execFile)("/bin/bash", ["-c", shell, String(blocks), process.execPath, ...args]);
  return {
    folder,
    ...(JSON.parse(stdout) as { put: Outcome | "done"; stage: Outcome | "done" }),
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }),
  };
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test.each([1, 7, 64])(
  "a disk that is full after %i kB is said to be full, and no half file is left",
  async (blocks) => {
    await using end = await runWithLimit(blocks, 100_000);
    for (const outcome of [end.put, end.stage])
      expect(outcome).toMatchObject({ reason: "disk_full", retryable: false });
    expect((end.put as Outcome).message).toContain("'run/model'");
    expect((end.stage as Outcome).message).toContain("'big'");
    expect(await filesIn(join(end.folder, "results"))).toEqual([]);
    expect(await filesIn(join(end.folder, "staged"))).not.toContain("big");
  },
);

test("a disk with just enough room takes everything", async () => {
  await using end = await runWithLimit(98, 100_000);
  expect(end.put).toBe("done");
  expect(end.stage).toBe("done");
  expect((await stat(join(end.folder, "results/run/model"))).size).toBe(100_000);
});
