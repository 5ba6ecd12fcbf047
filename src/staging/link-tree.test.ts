import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LinkTree } from "./link-tree.ts";

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), "trainyard-links-"));
  const [full, empty] = [join(folder, "full"), join(folder, "empty")];
  writeFileSync(full, "full");
  writeFileSync(empty, "");
  const root = join(folder, "tree");
  const tree = new LinkTree(root, "bucket 'mnist'");
  tree.makeFolder("a-folder");
  return { root, full, empty, tree, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test("an empty file gives way to a folder, whichever comes first", () => {
  for (const order of [
    ["x", "x/y/z"],
    ["x/y/z", "x"],
  ]) {
    using bundle = setUp();
    for (const path of order) bundle.tree.add(path === "x" ? bundle.empty : bundle.full, path);
    expect(lstatSync(join(bundle.root, "x/y/z")).ino).toBe(lstatSync(bundle.full).ino);
  }
});

test("a file with content gives way to nothing, whichever comes first", () => {
  for (const order of [
    ["x", "x/y"],
    ["x/y", "x"],
  ]) {
    using bundle = setUp();
    const add = (): void => order.forEach((path) => bundle.tree.add(bundle.full, path));
    expect(add).toThrow("would be the same file: 'x'");
  }
});

test("a path that is taken is a collision", () => {
  using bundle = setUp();
  bundle.tree.add(bundle.full, "x");
  expect(() => bundle.tree.add(bundle.full, "x")).toThrow("would be the same file: 'x'");
});

test("what comes first makes no difference to what is there in the end", () => {
  const name = fc.constantFrom("a", "b", "c");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
  const files = fc.uniqueArray(fc.record({ path, isEmpty: fc.boolean() }), {
    selector: (file) => file.path,
    maxLength: 6,
  });
  const order = files.chain((all) =>
    fc.record({ all: fc.constant(all), again: fc.shuffledSubarray(all, { minLength: all.length }) }),
  );
  const outcome = (all: readonly { path: string; isEmpty: boolean }[]): string => {
    using bundle = setUp();
    try {
      for (const one of all) bundle.tree.add(one.isEmpty ? bundle.empty : bundle.full, one.path);
    } catch {
      // Which of several collisions is named may differ.
      return "collision";
    }
    return all
      .map((one) => {
        const target = join(bundle.root, one.path);
        return `${one.path} ${existsSync(target) && lstatSync(target).isDirectory() ? "folder" : "file"}`;
      })
      .toSorted()
      .join();
  };
  fc.assert(
    fc.property(order, ({ all, again }) => {
      expect(outcome(again)).toBe(outcome(all));
    }),
    { numRuns: 60 },
  );
});
