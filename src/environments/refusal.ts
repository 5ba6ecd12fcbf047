import { nearest } from "../base/nearest.ts";
import { knownFramework, knownFrameworkNames } from "./framework-names.ts";
import type { Framework } from "./framework-names.ts";
import type { PythonReport } from "./probe-python.ts";
import type { Survey } from "./survey.ts";
import { isBeginningOf, isNamed, parseVersionRequest, versionNumbers } from "./version-match.ts";

export interface Refusal {
  /** Continues "Framework X cannot run here: "; no full stop. */
  readonly fact: string;
  readonly hint: string;
}

/** Why no environment answers for this framework and version, and how to add one. */
export function explainMiss(survey: Survey, name: string, version: string): Refusal {
  const here = survey.offers.filter(({ environment }) => environment.framework === name);
  const entries = survey.brokenEntries.filter(({ framework }) => framework === name);
  const broken = entries.find(({ entry }) => isNamed(entry, version)) ?? (here.length === 0 ? entries[0] : undefined);
  if (broken !== undefined) {
    return {
      fact: `its entry in the configuration does not work: ${broken.reason}`,
      hint: `The operator mends the entry '${broken.entry.framework} ${broken.entry.version}' under 'environments:' in trainyard.yaml, or what it names.`,
    };
  }
  if (here.length > 0) return explainVersion(here, name, version);
  const framework = knownFramework(name);
  return framework === undefined ? explainUnknownName(survey, name) : explainMissing(survey, framework, version);
}

function explainVersion(here: Survey["offers"], name: string, version: string): Refusal {
  const present = listWords([...new Set(here.map(({ environment }) => environment.version))]);
  const request = parseVersionRequest(version);
  const hint = `Ask for a version that is here ('any' takes what there is), or add version ${version} under 'environments:' in trainyard.yaml.`;
  if (name === "shell") return { fact: "shell has no versions", hint: "Write version 'any'." };
  if (request === undefined) {
    return {
      fact: `${name} is here as ${present}, and '${version}' is not the beginning of a version in numbers`,
      hint,
    };
  }
  const { wanted, python } = request;
  const otherPythons = here.filter(
    ({ environment }) => typeof wanted === "string" || isBeginningOf(wanted, versionNumbers(environment.version)),
  );
  if (python !== null && otherPythons.length > 0) {
    const places = listWords(otherPythons.map(({ environment }) => environment.label));
    return { fact: `it is here as ${places}, not for Python ${python.join(".")}`, hint };
  }
  return { fact: `${name} is here as ${present}, not ${version}`, hint };
}

function explainUnknownName(survey: Survey, name: string): Refusal {
  const here = [...new Set(survey.offers.map(({ environment }) => environment.framework))];
  const meant = nearest(name, new Set([...here, ...knownFrameworkNames()]));
  return {
    fact: `no framework of the name '${name}' is known here`,
    hint: `${meant === undefined ? "" : `Did you mean '${meant}'? `}Here are: ${here.join(", ")}. Others come with an entry under 'environments:' in trainyard.yaml.`,
  };
}

function explainMissing(survey: Survey, framework: Framework, version: string): Refusal {
  const { discovery } = framework;
  const entry = `an entry '${framework.name} ${version}' under 'environments:' in trainyard.yaml`;
  if (framework.name === "torch") {
    return {
      fact: "'torch' means Lua Torch7, which is not installed here; PyTorch is called 'pytorch'",
      hint: `Write 'pytorch' if PyTorch is meant; for Lua Torch7, the operator adds ${entry}.`,
    };
  }
  if (discovery.by === "python_module" || discovery.by === "python") {
    return {
      fact: `${missingPython(survey, framework)} (${lookedAt(survey.pythons)})`,
      hint: `${installHint(framework, version)} Or the operator adds ${entry}.`,
    };
  }
  return {
    fact: `the name is known${versionsThen(framework)}, but it is not installed here`,
    hint: `The operator can add ${entry}, with the interpreter or folders to use and a command that shows that it works.`,
  };
}

function missingPython(survey: Survey, { discovery, versionsThen }: Framework): string {
  if (discovery.by !== "python_module") return "no working Python was found";
  const known = versionsThen.length > 0 ? "the name is known, but " : "";
  return brokenImport(survey, discovery.module) ?? `${known}no Python with ${discovery.module} was found`;
}

function versionsThen(framework: Framework): string {
  return framework.versionsThen.length === 0 ? "" : ` (${framework.versionsThen.join(", ")} in 2017-18)`;
}

function installHint(framework: Framework, version: string): string {
  const ways: string[] = [];
  if (framework.debianPackages.length > 0) {
    const packages = framework.debianPackages.join(" ");
    ways.push(`on Debian or Ubuntu 'apt-get install --no-install-recommends ${packages}'`);
  }
  if (framework.pipPackage !== null) {
    const place = ways.length === 0 ? "" : "elsewhere ";
    ways.push(`${place}'python3 -m pip install ${framework.pipPackage}' for a python3 on the server's PATH`);
  }
  const wanted = parseVersionRequest(version)?.wanted;
  // A package of today rarely is the version that a manifest of 2017 names, and then it would be installed in vain.
  const caution = Array.isArray(wanted) ? `, in a version that begins with ${wanted.join(".")}` : "";
  return `Install it${caution}: ${ways.join("; ")}. The next submission finds it without a restart.`;
}

/** Installed but broken is another sentence than missing: installing it again would not help. */
function brokenImport(survey: Survey, module: string): string | undefined {
  for (const python of survey.pythons) {
    if (python.status === "broken") continue;
    const report = python.modules.find((found) => found.module === module);
    if (report?.status === "failed") {
      return `${python.interpreter} has ${module}, but it cannot be imported: ${report.reason}`;
    }
  }
  return undefined;
}

function lookedAt(pythons: readonly PythonReport[]): string {
  if (pythons.length === 0) return "there is no python3 at all";
  const places = pythons.map((python) =>
    python.status === "works" ? python.interpreter : `${python.interpreter}, which is broken: ${python.reason}`,
  );
  return `looked at: ${places.join(", ")}`;
}

function listWords(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
