import { expect, it } from "vitest";
import { canonicalFrameworkName, knownFramework, knownFrameworkNames } from "./framework-names.ts";

it.each([
  ["sklearn", "scikit-learn"],
  ["Scikit_Learn", "scikit-learn"],
  ["nodejs", "node"],
  [" PyTorch ", "pytorch"],
  ["constructor", "constructor"],
])("'%s' is %s", (text, name) => {
  expect(canonicalFrameworkName(text)).toBe(name);
});

it("torch is Lua Torch7 and never PyTorch", () => {
  expect(canonicalFrameworkName("torch")).toBe("torch");
  expect(knownFramework("torch")?.discovery.by).toBe("configuration");
});

it("every framework that the service of 2017 offered is a known name", () => {
  const offered = ["scikit-learn", "tensorflow", "caffe", "torch", "mxnet", "theano", "caffe2", "keras"];
  expect(knownFrameworkNames()).toEqual(expect.arrayContaining(offered));
  for (const name of offered) expect(knownFramework(name)?.versionsThen).not.toEqual([]);
});
