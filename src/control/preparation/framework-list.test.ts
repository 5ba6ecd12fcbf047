import { expect, test } from "vitest";
import { frameworksIn } from "./framework-list.ts";

test("frameworks are sorted by name and by the numbers of their versions, each once", () => {
  const found = ["pytorch 1.13.1", "python 3.11.2", "python 3.9", "python 3.11.2", "node 24.15.0"];
  const environments = found.map((text) => {
    const [framework = "", version = ""] = text.split(" ");
    return { framework, version };
  });
  expect(frameworksIn(environments).map(({ name, version }) => `${name} ${version}`)).toEqual([
    "node 24.15.0",
    "python 3.9",
    "python 3.11.2",
    "pytorch 1.13.1",
  ]);
});
