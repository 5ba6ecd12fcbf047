import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RawEntry } from "../../test/fixtures/archives/raw-zip.ts";
import { rawZip, unicodePathField, zip64Field } from "../../test/fixtures/archives/raw-zip.ts";
import type { Found, Sandbox } from "../../test/fixtures/archives/sandbox.ts";
import { listTree, openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { ServiceError } from "../domain/errors.ts";
import { DEFAULT_ARCHIVE_LIMITS } from "./archive-limits.ts";
import { ArchiveFile } from "./archive-file.ts";
import { extractArchive } from "./extract-archive.ts";
import { inspectArchive } from "./inspect-archive.ts";
import { packDirectory } from "./pack-archive.ts";
import { readEntries } from "./read-entries.ts";
import { resetDirectory } from "./reset-directory.ts";

interface HonestFile {
  readonly path: string;
  readonly content: Buffer;
  readonly isExecutable: boolean;
}

/** Segments of two kinds that no file system takes for each other, so that a tree of them is always honest. */
const segment = fc
  .tuple(fc.constantFrom("a", "b", "data", "лист", "数", "e\u0301", "two..dots", "a blank", "~", "-rf"), fc.nat(30))
  .map(([word, number]) => `${word}${number}`);
const content = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 20_000 }))
    .map(([text, n]) => Buffer.from(text.repeat(n))),
);

/** Files two levels below folders that are called otherwise, so that none is both a file and a folder. */
const honestTree = fc
  .uniqueArray(
    fc.record({
      path: fc
        .tuple(fc.array(segment, { maxLength: 3 }), segment)
        .map(([folders, name]) => [...folders.map((folder) => `${folder}.d`), `${name}.py`].join("/")),
      content,
      isExecutable: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12, selector: (file) => file.path },
  )
  // One file at the top keeps the folder around the others, if there is only one.
  .map((files): readonly HonestFile[] => [{ path: "top", content: Buffer.from("x"), isExecutable: false }, ...files]);

async function writeTree(folder: string, files: readonly HonestFile[]): Promise<void> {
  for (const file of files) {
    const path = join(folder, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.content);
    await chmod(path, file.isExecutable ? 0o755 : 0o644);
  }
}

test("every honest tree comes out of its ZIP byte for byte, with its execute bits", async () => {
  await using sandbox = await openSandbox();
  await fc.assert(
    fc.asyncProperty(honestTree, async (files) => {
      const folder = join(sandbox.directory, "model");
      const zip = join(sandbox.directory, "model.zip");
      await resetDirectory(folder);
      await resetDirectory(sandbox.target);
      await rm(zip, { force: true });
      await writeTree(folder, files);

      await packDirectory(folder, zip);
      const inspection = await extractArchive(zip, sandbox.target);

      expect(await listTree(sandbox.target)).toEqual(await listTree(folder));
      const byPath = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
      expect(inspection.files).toEqual(
        byPath.map((file) => ({ path: file.path, sizeBytes: file.content.length, isExecutable: file.isExecutable })),
      );
      expect(inspection).toEqual(await inspectArchive(zip));
    }),
    { numRuns: 40 },
  );
});

const TEXT = "print('Iter 1280, Minibatch Loss= 2.1')\n".repeat(40);
const ENTRIES: readonly RawEntry[] = [
  { name: "code/" },
  { name: "code/train.py", content: TEXT },
  { name: "code/stored.bin", content: TEXT.slice(0, 200), method: 0 },
  { name: "code/streamed.py", content: TEXT, isStreamed: true },
  { name: "code/run.sh", content: "#!/bin/sh\n", mode: 0o100755 },
  { name: "code/plain.py", content: "x", extra: unicodePathField("code/plain.py", "code/数.py") },
];
const SEEDS: readonly Buffer[] = [
  rawZip({ entries: ENTRIES, comment: "a comment" }),
  rawZip({
    entries: [
      {
        name: "a",
        content: TEXT,
        method: 0,
        headerStart: 0xffffffff,
        central: {
          sizeBytes: 0xffffffff,
          packedBytes: 0xffffffff,
          extra: zip64Field(TEXT.length, TEXT.length, 0),
        },
      },
      { name: "b", content: TEXT },
    ],
    zip64: {},
    end: { directoryStart: 0xffffffff, entries: 0xffff },
  }),
];

type Damage = (bytes: Buffer, at: number, value: number) => Buffer;

function overwritten(bytes: Buffer, at: number, by: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  by.copy(copy, at);
  return copy;
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  set: (bytes, at, value) => overwritten(bytes, at, Buffer.from([value])),
  flip: (bytes, at, value) => overwritten(bytes, at, Buffer.from([(bytes[at] ?? 0) ^ (1 << (value & 7))])),
  dots: (bytes, at) => overwritten(bytes, at, Buffer.from("../")),
  max: (bytes, at, value) => overwritten(bytes, at, Buffer.alloc(1 + (value & 7), 0xff)),
  cut: (bytes, at, value) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + (value & 31))]),
  insert: (bytes, at, value) => Buffer.concat([bytes.subarray(0, at), Buffer.alloc(value & 31), bytes.subarray(at)]),
  repeat: (bytes, at, value) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - value))]),
};

interface Change {
  readonly damage: string;
  /** A share of the ZIP's length, counted from its end: the lists are there, and they are what is worth hitting. */
  readonly fromEnd: number;
  readonly value: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  damage: fc.constantFrom(...Object.keys(DAMAGES), "set", "flip"),
  // Whole numbers: doubles are drawn by their bits and would nearly all be next to zero.
  fromEnd: fc.oneof(fc.noBias(fc.nat(10_000)), fc.noBias(fc.nat(4_000))).map((share) => share / 10_000),
  value: fc.nat(255),
});

function changed(bytes: Buffer, { damage, fromEnd, value }: Change): Buffer {
  const at = Math.floor((1 - fromEnd) * (bytes.length - 1));
  return DAMAGES[damage]?.(bytes, Math.max(0, at), value) ?? bytes;
}

/** Every file on disk with the checksum and size that the ZIP's own list declares, in any order. */
async function declaredContents(zip: string): Promise<readonly string[]> {
  await using file = await ArchiveFile.open(zip);
  const entries = await readEntries(file, DEFAULT_ARCHIVE_LIMITS);
  return entries.map((entry) => `${entry.sizeBytes} ${entry.crc32}`);
}

async function checkOutcome(sandbox: Sandbox, zip: string): Promise<void> {
  const outcome = await extractArchive(zip, sandbox.target).catch((error: unknown) => error);
  const found = await listTree(sandbox.directory);
  const outside = found.filter((item) => item.path !== "target" && !item.path.startsWith("target/"));
  expect(outside.map((item) => item.path)).toEqual(["model.zip"]);
  expect(found.every((item) => item.kind !== "other" && (item.mode & 0o7022) === 0)).toBe(true);
  if (outcome instanceof Error) {
    // Anything else is a mistake of ours, and its stack tells where.
    if (!(outcome instanceof ServiceError)) throw outcome;
    return;
  }
  const declared = await declaredContents(zip);
  const files = found.filter((item) => item.kind === "file" && item.path !== "model.zip");
  for (const file of files) expect(declared).toContain(sizeAndChecksum(file));
  expect(files.map((file) => file.path.slice("target/".length)).sort()).toEqual(
    (outcome as { files: readonly { path: string }[] }).files.map((file) => file.path).sort(),
  );
}

function sizeAndChecksum(file: Found): string {
  return `${file.content.length} ${crc32(file.content)}`;
}

test("a damaged ZIP is refused, or every file in it is whole; nothing is ever written outside", async () => {
  await using sandbox = await openSandbox();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SEEDS),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (seed, changes) => {
        await resetDirectory(sandbox.target);
        const zip = await sandbox.write(changes.reduce(changed, seed));
        await checkOutcome(sandbox, zip);
      },
    ),
    { numRuns: 600 },
  );
});

test("the ZIPs that are damaged above are good before", async () => {
  await using sandbox = await openSandbox();
  for (const seed of SEEDS) {
    await resetDirectory(sandbox.target);
    const zip = await sandbox.write(seed);
    expect((await inspectArchive(zip)).files.length).toBeGreaterThan(1);
    await checkOutcome(sandbox, zip);
  }
});
