import { describe, expect, test } from "vitest";

import { MANIFEST_LIMITS } from "./limits.ts";
import { readManifest } from "./read-manifest.ts";

function verdicts(source: Uint8Array | string): string[] {
  return readManifest(source, "job.yaml").problems.map(({ code, line, column }) => `${code} ${line}:${column}`);
}

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}

const FULL = MANIFEST_LIMITS.sizeBytes;

describe("what is too large is refused where it becomes too large", () => {
  test.each([
    ["one byte more than allowed", "#".repeat(FULL + 1), "manifest_too_large null:null"],
    [
      "one byte more than allowed, as characters of two bytes",
      "é".repeat(FULL / 2 + 1),
      "manifest_too_large null:null",
    ],
    ["lists in lists, on one line", "[".repeat(FULL), "manifest_too_large 1:65"],
    ["maps in maps, on one line", "{a: ".repeat(FULL / 4), "manifest_too_large 1:257"],
    ["block lists in block lists, on one line", "- ".repeat(FULL / 2), "manifest_too_large 1:129"],
    ["block maps in block maps", lines(600, (i) => `${" ".repeat(i)}a:`), "manifest_too_large 65:66"],
    ["30,000 keys in a block", lines(30_000, (i) => `k${i % 100}: v`), "manifest_too_large 715:1"],
    ["20,000 keys in braces", `{${lines(20_000, (i) => `k${i}: v,`)}}`, "manifest_too_large 625:8"],
    ["100,000 empty list entries", `[${",".repeat(100_000)}]`, "manifest_too_large 1:5000"],
    ["200,000 empty lines", "\n".repeat(200_000), "manifest_too_large 5001:1"],
    ["100,000 comments", "#\n".repeat(100_000), "manifest_too_large 2501:1"],
    ["a value longer than a command may be", `a: ${"x".repeat(200_000)}`, "manifest_too_large 1:4"],
    ["a value of 100,000 lines", `a: |\n${" x\n".repeat(80_000)}`, "manifest_too_large 2:1"],
    ["a quote that is never closed", `a: "${"x\n".repeat(100_000)}`, "manifest_too_large 1:4"],
    ["a key as long as the file", `${"k".repeat(200_000)}: v`, "manifest_too_large 1:1"],
  ])("%s", (_, text, expected) => {
    expect(verdicts(text)).toEqual([expected]);
  });

  test("64 levels are read and the 65th is refused", () => {
    const nested = (levels: number) => `a: ${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}`;
    expect(verdicts(nested(64))).toEqual(["manifest_kind 1:1"]);
    expect(verdicts(nested(65))).toEqual(["manifest_too_large 1:67"]);
  });

  test("of 600 problems the first 100 are told, and how many more there are", () => {
    const { problems } = readManifest(`model_definition:\n${lines(600, (i) => ` name${i}: v`)}`, "job.yaml");
    expect(problems).toHaveLength(MANIFEST_LIMITS.findings + 1);
    expect(problems.at(-1)).toMatchObject({ code: "too_many_problems", line: null });
    // 600 unknown keys and the three required ones that are missing.
    expect(problems.at(-1)?.message).toBe("The manifest has 503 more problems.");
  });

  test("of 700 keys that FfDL ignored the first 100 are told", () => {
    const text = `name: a\n${lines(700, (i) => `unknown_${i}: v`)}\ndata_stores: []\nframework: {}`;
    const { problems, warnings } = readManifest(text, "manifest.yml");
    expect(problems).toHaveLength(3);
    expect(warnings).toHaveLength(MANIFEST_LIMITS.findings);
  });

  test("ten thousand documents and ten thousand stray brackets are left after the first few", () => {
    expect(verdicts("---\n".repeat(10_000))).toEqual(["manifest_syntax 3:4"]);
    expect(verdicts("]".repeat(10_000))).toHaveLength(MANIFEST_LIMITS.syntaxErrors + 1);
  });
});

describe("what manifests do not use is refused", () => {
  test.each([
    ["an alias bomb", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "manifest_syntax 1:4"],
    ["a cycle", "model_definition: &m\n  name: *m", "manifest_syntax 1:19"],
    ["a merge key", "model_definition:\n  <<: *base", "manifest_syntax 2:7"],
    ["a tag that runs code elsewhere", "a: !!js/function 'function () {}'", "manifest_syntax 1:4"],
    ["a tag of Python", "!!python/object/apply:os.system [ls]", "manifest_syntax 1:1"],
    ["a binary tag", "a: !!binary aGVsbG8=", "manifest_syntax 1:4"],
    ["a tag directive", "%TAG ! tag:example.com,2017:\n---\na: b", "manifest_syntax 1:1"],
    ["two documents", "model_definition: {}\n---\nmodel_definition: {}", "manifest_syntax 3:1"],
    ["a map as a key", "model_definition:\n  ? {a: b}\n  : c", "manifest_syntax 2:5"],
    ["a [ without its ]", "a: [1", "manifest_syntax 1:6"],
    ["a { without its }", "{name: x", "manifest_syntax 1:9"],
    ["a tab as indentation", "model_definition:\n\tname: a", "manifest_syntax 2:1"],
  ])("%s", (_, text, expected) => {
    expect(verdicts(text)).toContain(expected);
  });

  test("a YAML 1.1 directive does not bring back its booleans", () => {
    const text =
      "%YAML 1.1\n---\nmodel_definition: {name: no, framework: {name: shell, version: 1_000}, execution: {command: on}}";
    const { spec, problems } = readManifest(text, "job.yaml");
    expect(problems).toEqual([]);
    expect([spec?.name, spec?.framework.version, spec?.command]).toEqual(["no", "1_000", "on"]);
  });
});

describe("encodings", () => {
  const text =
    "model_definition:\r\n  name: Größe\r\n  framework: {name: shell, version: any}\r\n  execution: {command: ls}\r\n";
  const utf16le = Buffer.from(`\uFEFF${text}`, "utf16le");

  test.each([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a byte order mark", Buffer.from(`\uFEFF${text}`)],
    ["UTF-16 of PowerShell", utf16le],
    ["UTF-16, big end first", Buffer.from(utf16le).swap16()],
    ["line ends of old Macs", Buffer.from(text.replaceAll("\r\n", "\r"))],
  ])("%s is read", (_, bytes) => {
    const { spec, problems } = readManifest(bytes, "job.yaml");
    expect(problems).toEqual([]);
    expect(spec?.name).toBe("Größe");
  });

  test.each([
    ["Latin-1", Buffer.from(text, "latin1"), "manifest_syntax 2:11"],
    ["UTF-16 without a mark", utf16le.subarray(2), "manifest_syntax 1:2"],
    ["half of a UTF-16 character", utf16le.subarray(0, -1), "manifest_syntax 1:1"],
    ["UTF-32", Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), "manifest_syntax 1:1"],
    ["a NUL byte", Buffer.from("model_definition:\n  name: a\0b"), "manifest_syntax 2:10"],
    ["a mark of the lexer's own", Buffer.from("a: b\u0002c"), "manifest_syntax 1:5"],
    ["a ZIP", Buffer.from("PK\u0003\u0004\u0014\0\0\0"), "manifest_syntax 1:3"],
  ])("%s is refused at its place", (_, bytes, expected) => {
    expect(verdicts(bytes)[0]).toBe(expected);
  });

  test("tabs between values are no indentation, so indented JSON is read", () => {
    const json = JSON.stringify(
      {
        model_definition: { name: "a/b", framework: { name: "shell", version: 1.5 }, execution: { command: "ls\t." } },
      },
      null,
      "\t",
    );
    const { spec, problems } = readManifest(json.replace("/", "\\/"), "job.json");
    expect(problems).toEqual([]);
    expect(spec).toMatchObject({ name: "a/b", framework: { version: "1.5" }, command: "ls\t." });
  });
});
