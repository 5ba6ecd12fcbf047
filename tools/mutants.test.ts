import { expect, test } from "vitest";
import { codeOnly, mutantsOf } from "./mutants.ts";

/** What is made of a line, without what stands before and after the change. */
const changes = (source: string): string[] => mutantsOf(source).map(({ source: changed }) => changed);

test.each([
  ["a === b;", ["a !== b;"]],
  ["x = a < b;", ["x = a <= b;", "x = a >= b;"]],
  ["x = a && b;", ["x = a;", "x = a || b;"]],
  ["x = a ?? b;", ["x = a;", "x = a && b;"]],
  ["x = 1;", ["x = 2;", "x = 0;"]],
  ["x = 1_000;", ["x = 1001;"]],
  ["x = !isOld;", ["x = isOld;"]],
  [
    "x = c(d) || e ? f : g;",
    ["x = true ? f : g;", "x = false ? f : g;", "x = c(d) ? f : g;", "x = c(d) && e ? f : g;"],
  ],
  ["x = list.filter(isOld);", ["x = list;"]],
  ["x = ['a'];", ["x = [];"]],
  ["x = [];", ["x = [null];"]],
  ['x = "running";', ['x = "another";']],
  ["if (isOld(a)) b;", ["if (true) b;", "if (false) b;"]],
])("of `%s` is made what it is not", (source, expected) => {
  expect(changes(source)).toEqual(expected);
});

test("a statement, an entry of a table and a way out of a loop are left out, over all of their lines", () => {
  expect(changes("  forget(\n    run,\n  );")).toEqual([""]);
  expect(changes("  completed: [],")).toContain("");
  expect(changes("    continue;")).toEqual([""]);
});

test("sentences, comments, imports and types are nobody's rule", () => {
  const source = [
    'import { a } from "b-c";',
    "/** a === b */",
    "interface A {",
    "  readonly b: 1 | 2;",
    "}",
    'type B = "x" | "y";',
    'const told = "It is 1 of < 2.";',
    'const c: Pick<A, "b" | "d"> = e as "f" | "g";',
    "// if (a) b = 1;",
  ].join("\n");
  expect(changes(source)).toEqual([]);
});

test("what is filled into a sentence is code, and every place keeps its line", () => {
  const source = "x = `about ${count + 1} of 2`;\ny === z;";
  expect(
    codeOnly(source)
      .split("\n")
      .map((line) => line.length),
  ).toEqual(source.split("\n").map((line) => line.length));
  expect(mutantsOf(source).map(({ line, before, change }) => `${line} ${before} ${change}`)).toEqual([
    "1 x = `about ${count + 1} of 2`; + → -",
    "1 x = `about ${count + 1} of 2`; 1 → 2",
    "1 x = `about ${count + 1} of 2`; 1 → 0",
    "2 y === z; === → !==",
  ]);
});
