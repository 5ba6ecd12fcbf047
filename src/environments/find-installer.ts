import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { mkdir, mkdtemp, rename, rm } from "../base/world-files.ts";
import type { CommandRunner } from "./bounded-command.ts";
import { EnvironmentBuildError } from "./build-error.ts";
import { runStep } from "./installer.ts";
import type { Installer, InstallStep } from "./installer.ts";
import { findPrograms, isFolder } from "./interpreter-places.ts";
import { pipInstaller } from "./pip-installer.ts";
import type { PythonReport } from "./probe-python.ts";
import { uvInstaller } from "./uv-installer.ts";
import { compareVersions } from "./version-match.ts";

export interface InstallerSearch {
  readonly run: CommandRunner;
  /** Where `uv` is looked for. */
  readonly searchPath: string;
  /** Where a uv of our own is kept: `home/environments/tools`. */
  readonly toolsFolder: string;
  /** What the tools are started with. */
  readonly env: Readonly<Record<string, string>>;
  readonly pythons: readonly Extract<PythonReport, { status: "works" }>[];
}

const ANSWER_LIMIT_MS = 20_000;
const FETCH_LIMIT_MS = 120_000;

/** The uv that is here: the user's on PATH, else the one that was fetched before; undefined without either. */
export async function findUv(search: InstallerSearch, signal: AbortSignal): Promise<Installer | undefined> {
  const onPath = await findPrograms("uv", search.searchPath);
  for (const file of [...onPath, ...(await fetchedUvs(search.toolsFolder))]) {
    const version = await askVersion(search, [file, "--version"], /^uv (\d\S*)/, signal);
    if (version !== undefined) return uvInstaller(file, version, search);
  }
  return undefined;
}

/** Whether anything here can install: a uv, or a Python with pip, which can fetch one. Touches no network. */
export async function canInstall(search: InstallerSearch, signal: AbortSignal): Promise<string | undefined> {
  const uv = await findUv(search, signal);
  if (uv !== undefined) return uv.label;
  const pip = await findPip(search, signal);
  return pip === undefined ? undefined : `pip ${pip.version} (${pip.python}), which fetches uv at the first build`;
}

/** What to install with: uv, fetched first where it must be; pip itself where the index has no uv for this machine. */
export async function findInstaller(search: InstallerSearch, step: InstallStep): Promise<Installer> {
  const uv = await findUv(search, step.signal);
  if (uv !== undefined) return uv;
  const pip = await findPip(search, step.signal);
  if (pip === undefined) {
    throw new EnvironmentBuildError("no_tool", "There is neither uv nor a Python with pip on this machine.");
  }
  try {
    await fetchUv(search, pip.python, step);
  } catch (error) {
    if (!(error instanceof EnvironmentBuildError) || error.trouble !== "unresolvable") throw error;
    step.onLine("The package index has no uv for this machine; pip installs the packages.");
    return pipInstaller(pip.python, pip.version, search);
  }
  return (await findUv(search, step.signal)) ?? pipInstaller(pip.python, pip.version, search);
}

/** Into a draft first: a uv that is there is whole. */
async function fetchUv(search: InstallerSearch, python: string, step: InstallStep): Promise<void> {
  step.onLine("Fetching uv from the package index");
  await mkdir(search.toolsFolder, { recursive: true });
  const draft = await mkdtemp(join(search.toolsFolder, ".uv-"));
  try {
    const words = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--upgrade"];
    const command = [python, "-m", "pip", ...words, "--only-binary", ":all:", "--target", draft, "uv"] as const;
    await runStep(search, "Fetching uv", command, { ...step, timeLimitMs: FETCH_LIMIT_MS });
    const version = await askVersion(search, [join(draft, "bin/uv"), "--version"], /^uv (\d\S*)/, step.signal);
    if (version === undefined)
      throw new EnvironmentBuildError("unresolvable", "The uv of the package index does not run.");
    const place = join(search.toolsFolder, `uv-${version}`);
    // Somebody else may have been faster; the name promises the same content.
    await rename(draft, place).catch(async (error: unknown) => {
      if (!(await isFolder(place))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function fetchedUvs(toolsFolder: string): Promise<readonly string[]> {
  const names = await readdir(toolsFolder).catch(() => []);
  const versions = names.filter((name) => name.startsWith("uv-")).map((name) => name.slice("uv-".length));
  return versions
    .toSorted((a, b) => compareVersions(b, a))
    .map((version) => join(toolsFolder, `uv-${version}`, "bin/uv"));
}

async function findPip(
  search: InstallerSearch,
  signal: AbortSignal,
): Promise<{ readonly python: string; readonly version: string } | undefined> {
  for (const { interpreter } of search.pythons) {
    const version = await askVersion(search, [interpreter, "-m", "pip", "--version"], /^pip (\d\S*)/, signal);
    if (version !== undefined) return { python: interpreter, version };
  }
  return undefined;
}

async function askVersion(
  { run, env }: InstallerSearch,
  [file, ...args]: readonly [string, ...string[]],
  pattern: RegExp,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ending = await run({ file, args, env, workingDirectory: "/", timeLimitMs: ANSWER_LIMIT_MS }, signal);
  return ending.status === "exited" && ending.exitCode === 0 ? pattern.exec(ending.stdout)?.[1] : undefined;
}
