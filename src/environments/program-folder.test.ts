import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { SYSTEM_PATH, pathFor } from "./learner-path.ts";
import { quoteForShell, writeProgramFolder } from "./program-folder.ts";

async function makeParent() {
  const path = await mkdtemp(join(tmpdir(), "trainyard-programs-"));
  return { path: join(path, "not/yet/there"), [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

it("a program answers to its name, with its arguments and its exit code", async () => {
  await using parent = await makeParent();
  const folder = await writeProgramFolder({ programs: { python: "/bin/sh", other: "/bin/echo" } }, parent.path);
  const run = spawnSync("python", ["-c", 'other "$1" "$2"; exit 3', "x", "two words", "it's"], {
    env: { PATH: pathFor({ path: [] }, folder) },
    encoding: "utf8",
  });
  expect([run.stdout, run.status]).toEqual(["two words it's\n", 3]);
});

it("the same programs give the same folder, and others another", async () => {
  await using parent = await makeParent();
  const first = await writeProgramFolder({ programs: { python: "/bin/sh", python3: "/bin/sh" } }, parent.path);
  const again = await writeProgramFolder({ programs: { python3: "/bin/sh", python: "/bin/sh" } }, parent.path);
  const other = await writeProgramFolder({ programs: { python: "/bin/echo", python3: "/bin/sh" } }, parent.path);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

it("many at the same moment leave one whole folder and no draft", async () => {
  await using parent = await makeParent();
  const programs = { python: "/bin/sh", python3: "/bin/sh" };
  const folders = await Promise.all(Array.from({ length: 20 }, () => writeProgramFolder({ programs }, parent.path)));
  expect(new Set(folders).size).toBe(1);
  expect(await readdir(parent.path)).toHaveLength(1);
  expect(await readdir(folders[0] as string)).toEqual(["python", "python3"]);
});

it("an environment without programs gets an empty folder", async () => {
  await using parent = await makeParent();
  expect(await readdir(await writeProgramFolder({ programs: {} }, parent.path))).toEqual([]);
});

it("a parent that cannot be written is an error and leaves nothing", async () => {
  await expect(writeProgramFolder({ programs: { a: "/bin/sh" } }, "/dev/null/programs")).rejects.toThrow("ENOTDIR");
});

it("the shell reads back every text as it was quoted", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      fc.pre(!text.includes("\0"));
      const { stdout } = spawnSync("/bin/sh", ["-c", `printf %s ${quoteForShell(text)}`], { encoding: "utf8" });
      expect(stdout).toBe(text);
    }),
    { numRuns: 30 },
  );
});

it("the PATH is the programs, the environment's folders, and then the system's", () => {
  expect(pathFor({ path: ["/venv/bin", "/opt/bin"] }, "/programs")).toBe(`/programs:/venv/bin:/opt/bin:${SYSTEM_PATH}`);
  expect(pathFor({ path: [] }, null)).toBe(SYSTEM_PATH);
});
