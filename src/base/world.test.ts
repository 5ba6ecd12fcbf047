import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyFile, mkdir, open, rename, writeFile } from "./world-files.ts";
import { spawn } from "./world-processes.ts";
import { guardWorld, type Step } from "./world.ts";

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "world-"));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

test("every step is announced before it is taken, with its kind and its subject", async () => {
  await using place = await folder();
  const steps: Step[] = [];
  {
    using _gate = guardWorld((step) => void steps.push(step));
    await mkdir(join(place.path, "a"));
    await writeFile(join(place.path, "a", "draft"), "text");
    await rename(join(place.path, "a", "draft"), join(place.path, "a", "final"));
    await using handle = await open(join(place.path, "log"), "a");
    await handle.writeFile("line");
    await handle.datasync();
  }
  await writeFile(join(place.path, "unseen"), "after the gate");
  expect(steps.map(({ kind, subject }) => `${kind} ${subject.slice(place.path.length)}`)).toEqual([
    "make /a",
    "write /a/draft",
    "rename /a/final",
    "make /log",
    "write /log",
    "sync /log",
  ]);
});

test("what the gate throws is thrown in place of the step, as a rejection where the step gives a promise", async () => {
  await using place = await folder();
  using _gate = guardWorld(() => {
    throw new Error("no space left");
  });
  await expect(mkdir(join(place.path, "never"))).rejects.toThrow("no space left");
  expect(() => spawn("true", [])).toThrow("no space left");
});

test("a torn write leaves the beginning of the content behind", async () => {
  await using place = await folder();
  const path = join(place.path, "record");
  const afterwards = (): never => {
    throw new Error("cut off");
  };
  {
    using _gate = guardWorld(() => ({ bytes: 4, afterwards }));
    await expect(writeFile(path, "complete")).rejects.toThrow("cut off");
  }
  expect(await readFile(path, "utf8")).toBe("comp");
});

test("opening and reading are no steps", async () => {
  await using place = await folder();
  const path = join(place.path, "record");
  await writeFile(path, "text");
  const steps: Step[] = [];
  using _gate = guardWorld((step) => void steps.push(step));
  await using handle = await open(path);
  expect(await handle.readFile("utf8")).toBe("text");
  expect(steps).toEqual([]);
});

test("a handle that was opened before the gate came asks it too", async () => {
  await using place = await folder();
  await using handle = await open(join(place.path, "log"), "a");
  const kinds: string[] = [];
  using _gate = guardWorld(({ kind }) => void kinds.push(kind));
  await handle.appendFile("line");
  await handle.sync();
  expect(kinds).toEqual(["write", "sync"]);
});

test("a copy that is cut off makes no other file than its own", async () => {
  await using place = await folder();
  const path = join(place.path, "original");
  await writeFile(path, "complete");
  const afterwards = (): never => {
    throw new Error("cut off");
  };
  using _gate = guardWorld(() => ({ bytes: 4, afterwards }));
  await expect(copyFile(path, join(place.path, "copy"))).rejects.toThrow("cut off");
});
