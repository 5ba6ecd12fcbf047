import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { guardWorld, type Step } from "../base/world.ts";
import { archiveLog } from "./archive-log.ts";
import { encodeSeekTable } from "./archive/seek-table.ts";
import { openStoredLog } from "./archive/stored-log.ts";

const never = new AbortController().signal;

async function makeBundle() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-archive-"));
  return {
    folder,
    path: join(folder, "training-log.txt"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function linesOf(bytes: number): Buffer {
  const lines = Array.from({ length: Math.ceil(bytes / 20) }, (_, i) => `step ${String(i).padStart(14)}\n`);
  return Buffer.from(lines.join("")).subarray(0, bytes);
}

async function readAt(path: string, position: number, length: number): Promise<Buffer> {
  const log = await openStoredLog(path);
  if (log === null) throw new Error("There is no log.");
  const parts: Buffer[] = [];
  try {
    for (let at = position; at < position + length;) {
      const buffer = Buffer.alloc(position + length - at);
      const { bytesRead } = await log.handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      parts.push(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return Buffer.concat(parts);
  } finally {
    await log.handle.close();
  }
}

test("an archived log gives any part of what was written, under the same offsets", async () => {
  await using bundle = await makeBundle();
  const content = linesOf(1_000_003);
  await writeFile(bundle.path, content);
  expect(await archiveLog(bundle.path, 1, never)).toBe(true);
  expect(await readdir(bundle.folder)).toEqual(["training-log.txt.zst"]);
  expect((await stat(`${bundle.path}.zst`)).size).toBeLessThan(content.length / 4);
  const log = await openStoredLog(bundle.path);
  expect([log?.sizeBytes, (await log?.handle.stat())?.size]).toEqual([content.length, content.length]);
  await log?.handle.close();
  await fc.assert(
    fc.asyncProperty(fc.nat(1_000_010), fc.nat(600_000), async (from, length) => {
      const part = await readAt(bundle.path, from, length);
      expect(part.equals(content.subarray(from, from + length))).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test("any tool for zstd reads the archive", async () => {
  await using bundle = await makeBundle();
  const content = linesOf(600_000);
  await writeFile(bundle.path, content);
  await archiveLog(bundle.path, 1, never);
  const archive = await readFile(`${bundle.path}.zst`);
  expect(zstdDecompressSync(archive).equals(content)).toBe(true);
});

test("a small log stays as it is, and one that is not there is none", async () => {
  await using bundle = await makeBundle();
  expect(await archiveLog(bundle.path, 1, never)).toBe(false);
  await writeFile(bundle.path, "small");
  expect(await archiveLog(bundle.path, 6, never)).toBe(false);
  expect(await readdir(bundle.folder)).toEqual(["training-log.txt"]);
});

test("a process that dies at any step loses no byte, and the next one ends the work", async () => {
  const content = linesOf(600_000);
  const steps = await countSteps(content);
  expect(steps).toBeGreaterThan(6);
  for (let dying = 0; dying < steps; dying += 1) {
    await using bundle = await makeBundle();
    await writeFile(bundle.path, content);
    {
      using _gate = guardWorld(dieAt(dying));
      await expect(archiveLog(bundle.path, 1, never)).rejects.toThrow("died");
    }
    expect((await readAt(bundle.path, 0, content.length + 1)).equals(content)).toBe(true);
    expect(await archiveLog(bundle.path, 1, never)).toBe(true);
    expect(existsSync(bundle.path)).toBe(false);
    expect((await readAt(bundle.path, 0, content.length + 1)).equals(content)).toBe(true);
  }
});

test("an archive that was cut or spoiled is none", async () => {
  await using bundle = await makeBundle();
  await writeFile(bundle.path, linesOf(300_000));
  await archiveLog(bundle.path, 1, never);
  const { size } = await stat(`${bundle.path}.zst`);
  await truncate(`${bundle.path}.zst`, size - 1);
  expect(await openStoredLog(bundle.path)).toBe(null);
  await appendFile(`${bundle.path}.zst`, "x");
  expect(await openStoredLog(bundle.path)).toBe(null);
});

test("what a program puts in an archive's place never unfolds to more than a frame of ours", async () => {
  await using bundle = await makeBundle();
  const frame = zstdCompressSync(Buffer.alloc(10_000_000));
  const archive = (content: number): Buffer =>
    Buffer.concat([frame, encodeSeekTable([{ compressed: frame.length, content }])]);
  await writeFile(`${bundle.path}.zst`, archive(10_000_000));
  expect(await openStoredLog(bundle.path)).toBe(null);
  await writeFile(`${bundle.path}.zst`, archive(100));
  await expect(readAt(bundle.path, 0, 100)).rejects.toMatchObject({ code: "ERR_BUFFER_TOO_LARGE" });
});

async function countSteps(content: Buffer): Promise<number> {
  await using bundle = await makeBundle();
  await writeFile(bundle.path, content);
  let steps = 0;
  using _gate = guardWorld(() => {
    steps += 1;
    return undefined;
  });
  await archiveLog(bundle.path, 1, never);
  return steps;
}

/** From this step on nothing reaches the disk any more; of the write itself half does. */
function dieAt(dying: number) {
  let taken = 0;
  const die = (): never => {
    throw new Error("died");
  };
  return (step: Step) => {
    taken += 1;
    if (taken - 1 < dying) return undefined;
    return step.kind === "write" && taken - 1 === dying ? { bytes: 100, afterwards: die } : die();
  };
}
