import { expect, test } from "vitest";
import { canonicalFrameworkName, moduleOf } from "./framework-names.ts";
import { planBuild } from "./plan-build.ts";
import type { PythonReport } from "./probe-python.ts";
import { BUILT_IN_RECIPES, mergeRecipes } from "./recipes.ts";
import { readRequirements } from "./requirement-lines.ts";

const RECIPES = mergeRecipes([]);

function python(version: string, inVirtualEnvironment = false): PythonReport {
  return { status: "works", interpreter: `/opt/${version}/python3`, version, inVirtualEnvironment, modules: [] };
}

function plan(framework: string, version: string, options: { hasGpu?: boolean; extra?: readonly string[] } = {}) {
  const { hasGpu = false, extra = [] } = options;
  const pythons = [python("3.11.2"), python("2.7.18"), python("3.11.7"), python("3.12.1"), python("3.13.0", true)];
  return planBuild({ recipe: RECIPES.get(framework), version, extra, pythons, hasGpu });
}

function choices(...wanted: Parameters<typeof plan>) {
  const made = plan(...wanted);
  return made.status === "possible" ? made.order.choices : made;
}

test("a version becomes a pin of as many numbers as were written", () => {
  expect(choices("scikit-learn", "1")).toEqual([["scikit-learn==1.*"]]);
  expect(choices("scikit-learn", "1.5")).toEqual([["scikit-learn==1.5.*"]]);
  expect(choices("scikit-learn", "v1.5.2-py3")).toEqual([["scikit-learn==1.5.2.*"]]);
  expect(choices("scikit-learn", "latest")).toEqual([["scikit-learn"]]);
  expect(choices("scikit-learn", "any-py3")).toEqual([["scikit-learn"]]);
});

test("without a GPU the package for CPUs is tried first, with one it is not", () => {
  expect(choices("tensorflow", "2.16")).toEqual([["tensorflow-cpu==2.16.*"], ["tensorflow==2.16.*"]]);
  expect(choices("tensorflow", "2.16", { hasGpu: true })).toEqual([["tensorflow==2.16.*"]]);
});

test("the newest Python is tried first, one of each version, and none of somebody's virtual environment", () => {
  expect(plan("jax", "any")).toMatchObject({
    order: { pythons: [{ interpreter: "/opt/3.12.1/python3" }, { interpreter: "/opt/3.11.7/python3" }] },
  });
});

test("the suffix picks the Python", () => {
  expect(plan("jax", "any-py3.11")).toMatchObject({ order: { pythons: [{ version: "3.11.7" }] } });
  expect(plan("tensorflow", "1.2-py2")).toEqual({
    status: "impossible",
    fact: "there is no Python 2 on this machine to build for",
  });
});

test("the version of Python as a framework is the interpreter's, with requirements of one's own", () => {
  expect(plan("python", "3.11", { extra: ["six"] })).toMatchObject({
    order: { choices: [["six"]], pythons: [{ version: "3.11.7" }], isSpecial: true },
  });
});

test("what has no recipe, or no version in numbers, is not built", () => {
  expect(plan("caffe", "1.0-py2")).toEqual({ status: "impossible", fact: null });
  expect(plan("pytorch", "luajit")).toEqual({ status: "impossible", fact: "'luajit' is no version in numbers" });
});

test("the operator's recipe takes the place of the built-in one", () => {
  const own = { framework: "jax", requirements: ["jax{version}", "flax"], cpuRequirements: null, module: "jax" };
  const merged = mergeRecipes([own]);
  expect(merged.get("jax")).toBe(own);
  expect(merged.size).toBe(BUILT_IN_RECIPES.length);
});

test.each(BUILT_IN_RECIPES.map((recipe) => [recipe.framework, recipe] as const))(
  "the recipe for %s names a known framework, its module, and requirements that a manifest could bring too",
  (framework, { module, requirements, cpuRequirements }) => {
    expect(canonicalFrameworkName(framework)).toBe(framework);
    if (framework !== "tensorflow-v1") expect(moduleOf(framework)).toBe(module);
    for (const pin of ["", "==2.16.*"]) {
      const lines = [...requirements, ...(cpuRequirements ?? [])].map((line) => line.replace("{version}", pin));
      expect(readRequirements(lines.join("\n"))).toEqual({ status: "read", lines });
    }
  },
);
