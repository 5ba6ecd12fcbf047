import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runStep, withFile } from "./installer.ts";
import type { Installer, InstallerParts } from "./installer.ts";

// A package built from source runs its author's code with the server's rights and index settings; a wheel runs none.
const WHEELS_ONLY = ["--only-binary", ":all:"];

/** Installs with uv, which needs neither pip nor venv in the Python it installs for. */
export function uvInstaller(uv: string, version: string, parts: InstallerParts): Installer {
  // Which Python is meant was decided; uv must neither look for another one nor download one.
  const env = { ...parts.env, UV_NO_PROGRESS: "1", UV_PYTHON_DOWNLOADS: "never", NO_COLOR: "1" };
  const tool = { ...parts, env };
  return {
    label: `uv ${version} (${uv})`,
    lock: async (python, requirements, step) =>
      withFile(`${requirements.join("\n")}\n`, async (path) => {
        // Into a file: of what a program prints only the last part is kept.
        const lock = join(dirname(path), "requirements.lock");
        const format = ["--quiet", "--no-header", "--no-annotate", "--generate-hashes", "--output-file", lock];
        const words = ["pip", "compile", path, "--python", python, ...format, ...WHEELS_ONLY];
        await runStep(tool, `Resolving ${requirements.join(", ")}`, [uv, ...words], { ...step, onLine: () => {} });
        return readFile(lock, "utf8");
      }),
    install: async (python, lock, folder, step) =>
      withFile(lock, async (path) => {
        await runStep(tool, "Making the virtual environment", [uv, "venv", "--python", python, folder], step);
        const words = ["pip", "install", "--python", join(folder, "bin/python"), "-r", path, ...WHEELS_ONLY];
        await runStep(tool, "Installing the packages", [uv, ...words], step);
      }),
  };
}
