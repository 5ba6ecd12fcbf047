import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mkdtemp, rm } from "../base/world-files.ts";
import type { CommandRunner } from "./bounded-command.ts";
import type { Environment } from "./environment.ts";
import { canonicalFrameworkName, knownFramework } from "./framework-names.ts";
import { isFolder } from "./interpreter-places.ts";
import { pathFor } from "./learner-path.ts";
import { askPython, describeEnding } from "./probe-python.ts";
import { writeProgramFolder } from "./program-folder.ts";

/** An entry of the operator's `environments:`. */
export interface ConfiguredEnvironment {
  readonly framework: string;
  /** What a manifest writes; need not be numbers (`luajit`). */
  readonly version: string;
  /** Further versions that this entry answers for, because the operator says so: `1.2-py3` on a TensorFlow 1.15. */
  readonly aliases: readonly string[];
  /** The interpreter that `python` and `python3` shall mean; null where the entry needs none. */
  readonly python: string | null;
  /** Folders in front of the system PATH. */
  readonly path: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A shell command that must exit 0 inside the environment; null to believe the entry. */
  readonly probe: string | null;
}

/** An entry after it was tried. */
export type ConfiguredReport = {
  readonly entry: ConfiguredEnvironment;
  readonly framework: string;
} & (
  | { readonly status: "works"; readonly environment: Environment; readonly pythonVersion: string | null }
  /** `reason` continues "its entry in the configuration does not work: ". */
  | { readonly status: "broken"; readonly reason: string }
);

export interface ConfiguredProbeOptions {
  readonly run: CommandRunner;
  readonly timeLimitMs: number;
}

export async function probeConfigured(
  entry: ConfiguredEnvironment,
  options: ConfiguredProbeOptions,
  signal: AbortSignal,
): Promise<ConfiguredReport> {
  const framework = canonicalFrameworkName(entry.framework);
  const title = knownFramework(framework)?.title ?? entry.framework;
  let label = `${title} ${entry.version}`;
  let placement: Placement = { programs: {}, path: [] };
  let pythonVersion: string | null = null;

  for (const folder of entry.path) {
    if (!(await isFolder(folder)))
      return { entry, framework, status: "broken", reason: `there is no folder ${folder}` };
  }
  if (entry.python !== null) {
    const python = await askPython(entry.python, [], options, signal);
    if (python.status === "broken") {
      return { entry, framework, status: "broken", reason: `${entry.python} is no working Python: ${python.reason}` };
    }
    label += ` on Python ${python.version} (${entry.python})`;
    pythonVersion = python.version;
    // By the operator's own path, not by what the interpreter calls itself: a wrapper script may be meant.
    placement = placePython(entry.python, python.inVirtualEnvironment);
  }
  const environment: Environment = {
    framework,
    version: entry.version,
    label: `${label}, configured`,
    origin: "configured",
    programs: placement.programs,
    path: [...entry.path, ...placement.path],
    env: entry.env,
  };
  const reason = await tryProbe(entry, environment, options, signal);
  if (reason !== undefined) return { entry, framework, status: "broken", reason };
  return { entry, framework, status: "works", environment, pythonVersion };
}

export type Placement = Pick<Environment, "programs" | "path">;

/** How a learner gets this interpreter under the names that commands use. */
export function placePython(interpreter: string, inVirtualEnvironment: boolean): Placement {
  // A virtual environment brings its own `python` and `python3`, and scripts such as `torchrun` beside them.
  if (inVirtualEnvironment) return { programs: {}, path: [dirname(interpreter)] };
  return { programs: { python: interpreter, python3: interpreter }, path: [] };
}

async function tryProbe(
  entry: ConfiguredEnvironment,
  environment: Environment,
  options: ConfiguredProbeOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (entry.probe === null) return undefined;
  const home = await mkdtemp(join(tmpdir(), "trainyard-probe-"));
  try {
    const programFolder = await writeProgramFolder(environment, home);
    const ending = await options.run(
      {
        file: "/bin/sh",
        args: ["-c", entry.probe],
        env: { HOME: home, LANG: "C.UTF-8", ...entry.env, PATH: pathFor(environment, programFolder) },
        workingDirectory: home,
        timeLimitMs: options.timeLimitMs,
      },
      signal,
    );
    if (ending.status === "exited" && ending.exitCode === 0) return undefined;
    const outcome = ending.status === "not_started" ? ending.reason : describeEnding(ending, options.timeLimitMs);
    return `its probe '${entry.probe}' failed: ${outcome}`;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
