import type { BuildOrder } from "./build-order.ts";
import type { PythonReport } from "./probe-python.ts";
import { requirementChoices } from "./recipes.ts";
import type { Recipe } from "./recipes.ts";
import { compareVersions, isBeginningOf, parseVersionRequest, versionNumbers } from "./version-match.ts";

export type BuildPlan =
  | { readonly status: "possible"; readonly order: BuildOrder }
  /** `fact` continues "it cannot be built: "; null where there is nothing to say but that nobody knows how. */
  | { readonly status: "impossible"; readonly fact: string | null };

interface Wish {
  readonly recipe: Recipe | undefined;
  readonly version: string;
  /** Requirements beyond the recipe's. */
  readonly extra: readonly string[];
  readonly pythons: readonly PythonReport[];
  readonly hasGpu: boolean;
}

/** Nothing of today installs for an older one. */
const OLDEST_PYTHON = "3.8";

/** What must be asked of a package index for this framework and version. */
export function planBuild({ recipe, version, extra, pythons, hasGpu }: Wish): BuildPlan {
  if (recipe === undefined) return { status: "impossible", fact: null };
  const request = parseVersionRequest(version);
  if (request === undefined) return { status: "impossible", fact: `'${version}' is no version in numbers` };
  // For Python itself the version is the interpreter's, not a package's.
  const isPython = recipe.framework === "python";
  const wantedPython = isPython && typeof request.wanted !== "string" ? request.wanted : request.python;
  const suitable = pythonsFor(pythons, wantedPython);
  if (suitable.length === 0) {
    const wanted = wantedPython === null ? `${OLDEST_PYTHON} or newer` : wantedPython.join(".");
    return { status: "impossible", fact: `there is no Python ${wanted} on this machine to build for` };
  }
  const choices = requirementChoices(recipe, isPython ? "any" : request.wanted, hasGpu);
  const { framework, module, atStart = null } = recipe;
  const order: BuildOrder = {
    framework,
    module,
    atStart,
    choices: choices.map((lines) => [...lines, ...extra]),
    pythons: suitable,
    isSpecial: extra.length > 0,
  };
  return { status: "possible", order };
}

/** The newest first, and one of each version: the search path's first. */
function pythonsFor(reports: readonly PythonReport[], wanted: readonly number[] | null): BuildOrder["pythons"] {
  const suitable = reports
    .filter((report) => report.status === "works")
    .filter(({ inVirtualEnvironment }) => !inVirtualEnvironment)
    .filter(({ version }) => compareVersions(version, OLDEST_PYTHON) >= 0)
    .filter(({ version }) => wanted === null || isBeginningOf(wanted, versionNumbers(version)))
    .map(({ interpreter, version }) => ({ interpreter, version }));
  const minors = new Map<string, BuildOrder["pythons"][number]>();
  for (const python of suitable.toSorted((a, b) => compareVersions(b.version, a.version))) {
    const minor = versionNumbers(python.version).slice(0, 2).join(".");
    if (!minors.has(minor)) minors.set(minor, python);
  }
  return [...minors.values()];
}
