import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { EnvironmentBuildError } from "./build-error.ts";
import { runStep, withFile } from "./installer.ts";
import type { Installer, InstallerParts } from "./installer.ts";

const PIP = ["-m", "pip", "--no-input", "--disable-pip-version-check"];
const WHEELS_ONLY = ["--only-binary", ":all:"];

/** What `pip install --report` says (its format 1), as far as a lock needs it. */
const Report = z.object({
  install: z.array(
    z.object({
      metadata: z.object({ name: z.string(), version: z.string() }),
      download_info: z.object({
        archive_info: z.object({ hashes: z.record(z.string(), z.string()).default({}) }).optional(),
      }),
    }),
  ),
});

/** Installs with a Python's own pip and venv, for machines for which there is no uv. Needs pip 22.2 or newer. */
export function pipInstaller(python: string, version: string, parts: InstallerParts): Installer {
  return {
    label: `pip ${version} (${python})`,
    lock: async (interpreter, requirements, step) =>
      withFile(`${requirements.join("\n")}\n`, async (path) => {
        // Into a file: of what a program prints only the last part is kept.
        const report = join(dirname(path), "report.json");
        const words = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", report, "-r", path];
        const command = [interpreter, ...PIP, ...words, ...WHEELS_ONLY] as const;
        const what = `Resolving ${requirements.join(", ")}`;
        await runStep(parts, what, command, { ...step, onLine: () => {} });
        return lockOf(what, await readFile(report, "utf8"));
      }),
    install: async (interpreter, lock, folder, step) =>
      withFile(lock, async (path) => {
        await runStep(parts, "Making the virtual environment", [interpreter, "-m", "venv", folder], step);
        const words = ["install", "--no-deps", "--progress-bar", "off", "-r", path, ...WHEELS_ONLY];
        await runStep(parts, "Installing the packages", [join(folder, "bin/python"), ...PIP, ...words], step);
      }),
  };
}

function lockOf(what: string, output: string): string {
  const report = Report.safeParse(parseJson(output));
  if (!report.success) {
    throw new EnvironmentBuildError(
      "no_tool",
      `${what} failed: this pip gives no report; 22.2 is the oldest that does.`,
    );
  }
  const pins = report.data.install.map(({ metadata, download_info }) => {
    return { pin: `${metadata.name}==${metadata.version}`, sha256: download_info.archive_info?.hashes["sha256"] };
  });
  // pip wants a hash for every package or for none.
  const isHashed = pins.every(({ sha256 }) => sha256 !== undefined);
  const lines = pins.map(({ pin, sha256 }) => (isHashed ? `${pin} --hash=sha256:${sha256}` : pin));
  return `${lines.toSorted().join("\n")}\n`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not a report; the caller says so.
    return undefined;
  }
}
