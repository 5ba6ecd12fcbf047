import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const PROGRAM = join(import.meta.dirname, "..", "..", "bin", "trainyard");

test("compiled code is kept where only its user writes, and nowhere where there is no such place", async () => {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-launch-"));
  try {
    const TMPDIR = join(folder, "tmp");
    await mkdir(TMPDIR);
    const { PATH = "" } = process.env;
    const launch = (env: Readonly<Record<string, string>>) =>
      spawnSync(PROGRAM, ["--version"], { env: { PATH, TMPDIR, ...env }, encoding: "utf8" });
    expect(launch({}).stdout).toContain("trainyard");
    expect(launch({ HOME: folder }).stdout).toContain("trainyard");
    expect(existsSync(join(folder, ".cache", "trainyard", "compiled"))).toBe(true);
    expect(launch({ HOME: "/nowhere", XDG_CACHE_HOME: join(folder, "caches") }).status).toBe(0);
    expect(existsSync(join(folder, "caches", "trainyard", "compiled"))).toBe(true);
    expect(await readdir(TMPDIR)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
