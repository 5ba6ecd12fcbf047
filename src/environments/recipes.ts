import { TENSORFLOW_V1 } from "./tensorflow-v1.ts";
import type { VersionRequest } from "./version-match.ts";

/** What a package index must deliver so that a framework works. */
export interface Recipe {
  /** Canonical name. */
  readonly framework: string;
  /** Lines of a `requirements.txt`; `{version}` becomes `==2.16.*` for version 2.16, and nothing for `any` and `latest`. */
  readonly requirements: readonly string[];
  /** Tried first on a machine without NVIDIA GPU; null where the others are as good there. */
  readonly cpuRequirements: readonly string[] | null;
  /** Must be importable afterwards, and tells the version; null where the version of the first requirement is all there is. */
  readonly module: string | null;
  /** Python that every interpreter of the environment runs when it starts; only recipes of our own have any. */
  readonly atStart?: string;
}

export const BUILT_IN_RECIPES: readonly Recipe[] = [
  // Without a GPU, the package for CPUs alone saves several gigabytes of libraries that would never be loaded.
  recipe("tensorflow", "tensorflow", ["tensorflow{version}"], ["tensorflow-cpu{version}"]),
  {
    ...recipe("tensorflow-v1", "tensorflow", ["tensorflow{version}", "six"], ["tensorflow-cpu{version}", "six"]),
    atStart: TENSORFLOW_V1,
  },
  recipe("keras", "keras", ["keras{version}", "tensorflow"], ["keras{version}", "tensorflow-cpu"]),
  recipe("pytorch", "torch", ["torch{version}", "numpy"]),
  recipe("jax", "jax", ["jax[cuda12]{version}"], ["jax{version}"]),
  recipe("scikit-learn", "sklearn", ["scikit-learn{version}"]),
  recipe("xgboost", "xgboost", ["xgboost{version}", "scikit-learn"], ["xgboost-cpu{version}", "scikit-learn"]),
  recipe("lightgbm", "lightgbm", ["lightgbm{version}", "scikit-learn"]),
  // Its last version, of 2022, uses names that numpy 1.24 took away.
  recipe("mxnet", "mxnet", ["mxnet{version}", "numpy<1.24"]),
  recipe("numpy", "numpy", ["numpy{version}"]),
  { framework: "python", requirements: [], cpuRequirements: null, module: null },
];

function recipe(
  framework: string,
  module: string,
  requirements: readonly string[],
  cpuRequirements: readonly string[] | null = null,
): Recipe {
  return { framework, requirements, cpuRequirements, module };
}

/** The operator's recipe for a framework takes the place of the built-in one. */
export function mergeRecipes(own: readonly Recipe[]): ReadonlyMap<string, Recipe> {
  return new Map([...BUILT_IN_RECIPES, ...own].map((one) => [one.framework, one]));
}

/** The lists of requirements to try, in this order: the first that can be resolved is taken. */
export function requirementChoices(
  recipe: Recipe,
  wanted: VersionRequest["wanted"],
  hasGpu: boolean,
): readonly (readonly string[])[] {
  const pin = typeof wanted === "string" ? "" : `==${wanted.join(".")}.*`;
  const lists =
    hasGpu || recipe.cpuRequirements === null ? [recipe.requirements] : [recipe.cpuRequirements, recipe.requirements];
  return lists.map((lines) => lines.map((line) => line.replaceAll("{version}", pin)));
}
