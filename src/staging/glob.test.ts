import { matchesGlob } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileGlob } from "./glob.ts";

function matching(pattern: string, keys: readonly string[]): string[] {
  return keys.filter(compileGlob(pattern));
}

const KEYS = ["a.gz", "b.txt", "x/a.gz", "x/y/a.gz", "x/y/.hidden", "x/", "[a].gz", "x/yy/b.txt"];

test.each([
  ["*.gz", ["a.gz", "[a].gz"]],
  ["**/*.gz", ["a.gz", "x/a.gz", "x/y/a.gz", "[a].gz"]],
  ["x/**", ["x/a.gz", "x/y/a.gz", "x/y/.hidden", "x/", "x/yy/b.txt"]],
  ["x/", ["x/a.gz", "x/y/a.gz", "x/y/.hidden", "x/", "x/yy/b.txt"]],
  ["x/*/a.gz", ["x/y/a.gz"]],
  ["x/**/a.gz", ["x/a.gz", "x/y/a.gz"]],
  ["x/y?/*", ["x/yy/b.txt"]],
  ["[ab].*", ["a.gz", "b.txt"]],
  ["[!b]*.gz", ["a.gz", "[a].gz"]],
  ["\\[a\\].gz", ["[a].gz"]],
  ["{a,b}.{gz,txt}", ["a.gz", "b.txt"]],
  ["x/{a,y/{a,b}}.gz", ["x/a.gz", "x/y/a.gz"]],
  ["**", KEYS],
  ["[a", []],
])("%s names the keys it is meant to", (pattern, keys) => {
  expect(matching(pattern, KEYS).toSorted()).toEqual([...keys].toSorted());
});

test("says the same as Node of all patterns that mean the same to both", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), minLength: 1, maxLength: 4 });
  const part = fc.oneof(
    name.filter((text) => !text.includes("**")),
    fc.constant("**"),
  );
  const patterns = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const keyName = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 3 });
  const keys = fc.array(keyName, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(patterns, keys, (pattern, key) => {
      // Node takes `a/**` for `a` too; a key is no folder of itself.
      fc.pre(!/(?:^|\/)\*\*$/.test(pattern));
      expect(compileGlob(pattern)(key)).toBe(matchesGlob(key, pattern));
    }),
    { numRuns: 2000 },
  );
});

test("a pattern made to be slow is as quick as any other", () => {
  const matches = compileGlob(`${"*a".repeat(60)}b`);
  expect(matches("a".repeat(1000))).toBe(false);
});

test("braces that would multiply without end cost no more than they may", () => {
  const key = "a".repeat(1024);
  const matches = compileGlob(`${"*?".repeat(200)}{${"b,".repeat(200)}c}${"{d,e}".repeat(40)}`);
  const beganMs = performance.now();
  expect(matches(key)).toBe(false);
  expect(performance.now() - beganMs).toBeLessThan(5000);
});
