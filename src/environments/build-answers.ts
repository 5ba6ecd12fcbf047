import { EnvironmentBuildError } from "./build-error.ts";
import type { LockedOrder } from "./build-order.ts";
import type { Resolution } from "./environment.ts";
import { knownFramework } from "./framework-names.ts";
import { readRequirements } from "./requirement-lines.ts";
import { servedAs } from "./served-by.ts";
import type { Alias } from "./served-by.ts";

/** Why nothing that is here answers. */
export type Miss = Pick<Extract<Resolution, { readonly found: false }>, "fact" | "hint">;

export const NO_REQUIREMENTS_HERE: Miss = {
  fact: "the manifest names a file of requirements, and nothing is built for this framework here",
  hint: "Remove 'requirements' from the manifest; or the operator adds a recipe under 'builds:' in trainyard.yaml.",
};

export function withReason(missing: Miss, fact: string | null): Miss {
  return fact === null ? missing : { ...missing, fact: `${missing.fact}; it cannot be built either: ${fact}` };
}

export function refusalOf(missing: Miss, error: EnvironmentBuildError): Resolution {
  const last = error.lastLines
    .slice(-3)
    .map((line) => line.trim())
    .join(" ");
  const words = `${error.message} ${last}`.trim().replace(/[.:]$/, "");
  return { found: false, fact: `${missing.fact}; it cannot be built either: ${words}`, hint: error.hint };
}

export function unasked(name: string, version: string): Resolution {
  return { found: "after_build", label: `${knownFramework(name)?.title ?? name} ${version}, to be built` };
}

export function linesOf(text: string): readonly string[] {
  const reading = readRequirements(text);
  if (reading.status === "read") return reading.lines;
  throw new EnvironmentBuildError(
    "unresolvable",
    `The file of requirements is not taken: ${reading.fact}`,
    [],
    "Write names with versions only, one on each line.",
  );
}

export function labelOf(name: string, { requirements, python }: LockedOrder): string {
  return `${knownFramework(name)?.title ?? name} for Python ${python.version}, to be built from ${requirements.join(", ")}`;
}

export function relabel(resolution: Resolution, alias: Alias): Resolution {
  if (resolution.found === true) return { found: true, environment: servedAs(resolution.environment, alias) };
  if (resolution.found === "after_build") {
    return { ...resolution, label: `${resolution.label}, to serve ${alias.asked} by the operator's alias` };
  }
  const served = `the operator lets ${alias.framework} ${alias.version} serve it, and that cannot run here`;
  return { ...resolution, fact: `${served}: ${resolution.fact}` };
}
