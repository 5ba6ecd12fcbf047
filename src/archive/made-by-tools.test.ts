import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RawEntry } from "../../test/fixtures/archives/raw-zip.ts";
import { rawZip, unicodePathField, zip64Field } from "../../test/fixtures/archives/raw-zip.ts";
import { listTree, openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { extractArchive } from "./extract-archive.ts";
import { inspectArchive } from "./inspect-archive.ts";

const FIXTURES = join(import.meta.dirname, "../../test/fixtures/archives");
const CONTENT = "print('hello')\n";

describe("what common programs pack is unpacked as it was", () => {
  const archives = readdirSync(FIXTURES).filter((name) => name.endsWith(".zip"));

  test.for(archives)("%s", async (name) => {
    await using sandbox = await openSandbox();
    const inspection = await extractArchive(join(FIXTURES, name), sandbox.target);

    const tree = (await listTree(sandbox.target)).map((item) => `${item.mode.toString(8)} ${item.path}`);
    expect(tree).toEqual([
      "755 data",
      "644 data/file..txt",
      "644 data/grüße 数据.txt",
      "755 empty",
      "644 empty.txt",
      "644 my file.txt",
      "755 run.sh",
      "644 train.py",
    ]);
    expect(inspection).toMatchObject({
      topFolder: name.includes("top-folder") ? "model" : null,
      ignored: [],
      totalBytes: inspection.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    });
    expect(inspection.files.filter((file) => file.isExecutable).map((file) => file.path)).toEqual(["run.sh"]);
  });

  test("there is at least one archive to try", () => {
    expect(archives.length).toBeGreaterThan(5);
  });
});

interface Honest {
  readonly what: string;
  readonly bytes: Buffer;
  readonly files: readonly string[];
}

function file(name: string, more: Partial<RawEntry> = {}): RawEntry {
  return { name, content: CONTENT, ...more };
}

const UINT32_MAX = 0xffffffff;
const HONEST: readonly Honest[] = [
  {
    what: "Finder: a top folder, resource forks and litter beside it",
    bytes: rawZip({
      entries: [
        { name: "model/", isStreamed: true },
        file("model/train.py", { isStreamed: true }),
        file("model/.DS_Store", { isStreamed: true }),
        file("__MACOSX/model/._train.py", { isStreamed: true }),
        file("__MACOSX/._model"),
        file("model/Icon\r"),
        // Decomposed and without the UTF-8 flag, as Finder writes it.
        file("model/e\u0301.py", { flags: 0 }),
      ],
    }),
    files: ["e\u0301.py", "train.py"],
  },
  {
    what: ".NET before 4.6.1: backslashes between folders",
    bytes: rawZip({ entries: [file("code\\train.py", { host: 0, mode: 0 }), file("code\\lib\\a.py"), file("b.py")] }),
    files: ["b.py", "code/lib/a.py", "code/train.py"],
  },
  {
    what: "names in the code page of the first PC",
    bytes: rawZip({ entries: [file("a.py"), { name: Buffer.from([0x81, 0x2e, 0x70, 0x79]), content: "x" }] }),
    files: ["a.py", "ü.py"],
  },
  {
    what: "Info-ZIP's Unicode name beside a plain one",
    bytes: rawZip({ entries: [file("a.py", { extra: unicodePathField("a.py", "数.py") })] }),
    files: ["数.py"],
  },
  {
    what: "a Unicode name left behind by a tool that renamed the entry",
    bytes: rawZip({ entries: [file("new.py", { extra: unicodePathField("old.py", "old.py") })] }),
    files: ["new.py"],
  },
  {
    what: "names that begin with ./ and hold doubled slashes",
    bytes: rawZip({ entries: [{ name: "./" }, file("./train.py"), file("lib//a.py"), { name: "lib/" }] }),
    files: ["lib/a.py", "train.py"],
  },
  {
    what: "names that only look dangerous",
    bytes: rawZip({ entries: [file("..py"), file("a..b/...c"), file(".hidden"), file("epoch:10.py"), file("~root")] }),
    files: ["..py", ".hidden", "a..b/...c", "epoch:10.py", "~root"].sort(),
  },
  {
    what: "the longest name and the deepest folder that are allowed",
    bytes: rawZip({ entries: [file("n".repeat(255)), file(`${"d/".repeat(63)}x`)] }),
    files: [`${"d/".repeat(63)}x`, "n".repeat(255)],
  },
  {
    what: "the same folder twice",
    bytes: rawZip({ entries: [{ name: "a/" }, { name: "a/" }, file("a/b"), file("c")] }),
    files: ["a/b", "c"],
  },
  {
    what: "set-user-id and sticky bits, which are dropped",
    bytes: rawZip({ entries: [file("a", { mode: 0o106755 }), { name: "d/", mode: 0o043777 }] }),
    files: ["a"],
  },
  {
    what: "a comment, and a program in front with offsets that count it",
    bytes: rawZip({ entries: [file("a")], comment: "made by hand", prefix: Buffer.from("#!/bin/sh\nexit 0\n") }),
    files: ["a"],
  },
  {
    what: "ZIP64 sizes and offset without need",
    bytes: rawZip({
      entries: [
        file("a", {
          method: 0,
          headerStart: UINT32_MAX,
          central: { sizeBytes: UINT32_MAX, packedBytes: UINT32_MAX, extra: zip64Field(15, 15, 0) },
        }),
      ],
      zip64: {},
      end: { entries: 0xffff, entriesOnDisk: 0xffff, directoryBytes: UINT32_MAX, directoryStart: UINT32_MAX },
    }),
    files: ["a"],
  },
  {
    what: "an empty folder packed with Deflate",
    bytes: rawZip({ entries: [{ name: "d/", method: 8, data: Buffer.from([3, 0]) }, file("a")] }),
    files: ["a"],
  },
  {
    what: "a megabyte of zeros and a little more of something",
    bytes: rawZip({ entries: [file("zeros", { content: Buffer.alloc(1_000_000) }), file("a")] }),
    files: ["a", "zeros"],
  },
];

describe("unusual and legal archives are accepted:", () => {
  test.for(HONEST)("$what", async ({ bytes, files }) => {
    await using sandbox = await openSandbox();
    const path = await sandbox.write(bytes);
    const inspection = await extractArchive(path, sandbox.target);
    expect(inspection.files.map((item) => item.path)).toEqual(files);
    expect(await inspectArchive(path)).toEqual(inspection);
    const found = (await listTree(sandbox.target)).filter((item) => item.kind === "file");
    expect(found.map((item) => item.path).sort()).toEqual([...files].sort());
    expect(found.every((item) => item.mode === 0o644 || item.mode === 0o755)).toBe(true);
  });
});
