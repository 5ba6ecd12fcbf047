import type { CommandRunner } from "./bounded-command.ts";
import { placePython, probeConfigured } from "./configured-environment.ts";
import type { ConfiguredEnvironment, ConfiguredReport } from "./configured-environment.ts";
import type { Environment } from "./environment.ts";
import { probedModules } from "./framework-names.ts";
import { probeNodes } from "./probe-node.ts";
import { probePythons } from "./probe-python.ts";
import type { PythonReport } from "./probe-python.ts";

/** An environment and what only the catalogue needs to know of it. */
export interface Offer {
  readonly environment: Environment;
  /** Of the interpreter behind it; null where Python plays no part or is not known. */
  readonly pythonVersion: string | null;
  /** Other version texts that the operator lets it answer for. */
  readonly aliases: readonly string[];
}

/** Everything one look at this machine has shown, also what does not work: refusals and `doctor` name it. */
export interface Survey {
  /** In order of preference: configured, found, built in. */
  readonly offers: readonly Offer[];
  readonly pythons: readonly PythonReport[];
  readonly brokenEntries: readonly Extract<ConfiguredReport, { status: "broken" }>[];
}

export interface SurveyOptions {
  readonly configured: readonly ConfiguredEnvironment[];
  readonly run: CommandRunner;
  readonly searchPath: string;
  readonly wellKnownPythons: readonly string[];
  /** For one interpreter or one configured probe. */
  readonly timeLimitMs: number;
}

export const SHELL: Offer = {
  environment: {
    framework: "shell",
    version: "any",
    label: "Shell with the system's PATH",
    origin: "built_in",
    programs: {},
    path: [],
    env: {},
  },
  pythonVersion: null,
  aliases: [],
};

/** Looks at everything anew. Takes a second or two for each Python with a large framework. */
export async function surveyMachine(options: SurveyOptions, signal: AbortSignal): Promise<Survey> {
  const [configured, pythons, nodes] = await Promise.all([
    probeEntries(options, signal),
    probePythons({ ...options, wellKnown: options.wellKnownPythons }, signal),
    probeNodes(options, signal),
  ]);
  const offered = configured.filter((report) => report.status === "works");
  return {
    offers: [
      ...offered.map(({ environment, pythonVersion, entry }) => ({
        environment,
        pythonVersion,
        aliases: entry.aliases,
      })),
      ...pythons.flatMap(offersOfPython),
      ...nodes.map(({ interpreter, version }) =>
        found("node", version, `Node ${version} (${interpreter})`, { programs: { node: interpreter }, path: [] }),
      ),
      SHELL,
    ],
    pythons,
    brokenEntries: configured.filter((report) => report.status === "broken"),
  };
}

// One after the other: an entry's probe may be as heavy as an import of TensorFlow.
async function probeEntries(options: SurveyOptions, signal: AbortSignal): Promise<readonly ConfiguredReport[]> {
  const reports: ConfiguredReport[] = [];
  for (const entry of options.configured) reports.push(await probeConfigured(entry, options, signal));
  return reports;
}

function offersOfPython(report: PythonReport): readonly Offer[] {
  if (report.status === "broken") return [];
  const { interpreter, version: pythonVersion, inVirtualEnvironment, modules } = report;
  const placement = placePython(interpreter, inVirtualEnvironment);
  const python = `Python ${pythonVersion} (${interpreter})`;
  const frameworks = probedModules().flatMap(({ framework, module }) => {
    const report = modules.find((one) => one.module === module);
    if (report?.status !== "imported") return [];
    const label = `${framework.title} ${report.version} on ${python}`;
    return [found(framework.name, report.version, label, placement, pythonVersion)];
  });
  return [...frameworks, found("python", pythonVersion, python, placement, pythonVersion)];
}

function found(
  framework: string,
  version: string,
  label: string,
  placement: Pick<Environment, "programs" | "path">,
  pythonVersion: string | null = null,
): Offer {
  const environment: Environment = { framework, version, label, origin: "found", ...placement, env: {} };
  return { environment, pythonVersion, aliases: [] };
}
