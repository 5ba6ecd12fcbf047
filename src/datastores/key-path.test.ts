import { join, resolve, sep } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareKeys, keyToPath, PART_PREFIX } from "./key-path.ts";

test.each([
  "file..txt",
  "..file",
  "a...b/c",
  ".hidden",
  "ü ☃ 😀 %41+&=?#;~!'*()<>\"{}^`|",
  "line\nend",
  "tab\there",
  "back\\slash",
  " ",
  "a/b/c",
  "x".repeat(255),
  "C:/x",
])("the honest key %j is its own path", (key) => {
  expect(keyToPath(key)).toEqual({ kind: "file", path: key });
});

test("a key that ends in a slash is a folder", () => {
  expect(keyToPath("a/b/")).toEqual({ kind: "folder", path: "a/b" });
});

test.each([
  "",
  "/",
  "//",
  ".",
  "..",
  "../x",
  "a/../b",
  "a/..",
  "a/../",
  "./a",
  "a/./b",
  "a//b",
  "a//",
  "/etc/passwd",
  "a\0b",
  "\ud800",
  "x".repeat(256),
  "ü".repeat(128),
  `${PART_PREFIX}1`,
  `a/${PART_PREFIX}1/b`,
])("the key %j is refused with a reason", (key) => {
  expect(keyToPath(key)).toMatchObject({ kind: "refused", reason: expect.stringMatching(/.{5}/) });
});

const nasty = fc
  .array(fc.oneof(fc.constantFrom("/", ".", "..", "../", "\0", "\\", "a", "%2e", "é"), fc.string()))
  .map((parts) => parts.join(""));

test("no key leads out of the folder, and different keys have different paths", () => {
  const root = resolve("/data/bucket");
  fc.assert(
    fc.property(nasty, nasty, (one, other) => {
      const [a, b] = [keyToPath(one), keyToPath(other)];
      if (a.kind === "refused") return;
      expect(join(root, a.path).startsWith(root + sep)).toBe(true);
      expect(join(root, a.path)).toBe(root + sep + a.path);
      if (b.kind === "file" && a.kind === "file" && one !== other) expect(a.path).not.toBe(b.path);
    }),
  );
});

test("keys are ordered by their bytes", () => {
  expect(["\uffff", "😀", "a/b", "a.b", "a-b", "A"].sort(compareKeys)).toEqual([
    "A",
    "a-b",
    "a.b",
    "a/b",
    "\uffff",
    "😀",
  ]);
});

test.each([
  ["", "names nothing"],
  ["/", "names nothing"],
  ["/etc/passwd", "begins with '/' and would lead out of the folder"],
  ["a//b", "has an empty part ('//'), which a path cannot keep"],
])("the refusal of '%s' names its own reason", (key, reason) => {
  expect(keyToPath(key)).toEqual({ kind: "refused", reason });
});
