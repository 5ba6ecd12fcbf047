import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { RawEntry } from "../../test/fixtures/archives/raw-zip.ts";
import { rawZip } from "../../test/fixtures/archives/raw-zip.ts";
import { listTree, openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { ArchiveFile } from "./archive-file.ts";
import { DEFAULT_ARCHIVE_LIMITS } from "./archive-limits.ts";
import { planArchive } from "./archive-plan.ts";
import { extractArchive } from "./extract-archive.ts";
import { inspectArchive } from "./inspect-archive.ts";
import { readEntries } from "./read-entries.ts";
import { resetDirectory } from "./reset-directory.ts";
import { unpackLarge, unpackSmall } from "./unpack-file.ts";

const SCRIPT = "#!/bin/sh\necho hello\n";

async function modesOf(entries: readonly RawEntry[]): Promise<Record<string, string>> {
  await using sandbox = await openSandbox();
  const inspection = await extractArchive(await sandbox.write(rawZip({ entries })), sandbox.target);
  const modes: Record<string, string> = {};
  for (const item of await listTree(sandbox.target)) modes[item.path] = item.mode.toString(8);
  for (const file of inspection.files) expect(modes[file.path]).toBe(file.isExecutable ? "755" : "644");
  return modes;
}

test("the execute bit comes from the mode of a Unix ZIP, whatever the other bits are", async () => {
  const modes = await modesOf([
    { name: "plain", content: "x", mode: 0o100600 },
    { name: "all", content: "x", mode: 0o100777 },
    { name: "owner", content: "x", mode: 0o100700 },
    { name: "mac", content: "x", mode: 0o100755, host: 19 },
    { name: "without-type", content: "x", mode: 0o755 },
    { name: "script-not-to-be-run", content: SCRIPT, mode: 0o100644 },
    { name: "folder/", mode: 0o040500 },
  ]);
  expect(modes).toEqual({
    plain: "644",
    all: "755",
    owner: "755",
    mac: "755",
    "without-type": "755",
    "script-not-to-be-run": "644",
    folder: "755",
  });
});

test("where a ZIP has no Unix mode, a file that starts with #! becomes executable", async () => {
  const large = `${SCRIPT}${"# line\n".repeat(60_000)}`;
  const modes = await modesOf([
    { name: "dos-script", content: SCRIPT, mode: 0, host: 0 },
    { name: "dos-large-script", content: large, mode: 0, host: 0 },
    { name: "python-on-windows", content: SCRIPT, mode: 0o100666, host: 0 },
    { name: "python-writestr", content: SCRIPT, mode: 0o600 },
    { name: "dos-program", content: "import os\n", mode: 0, host: 0 },
    { name: "dos-empty", mode: 0, host: 0 },
  ]);
  expect(modes).toEqual({
    "dos-script": "755",
    "dos-large-script": "755",
    "python-on-windows": "755",
    "python-writestr": "755",
    "dos-program": "644",
    "dos-empty": "644",
  });
});

test("modes do not depend on the umask of the server", async () => {
  const before = process.umask(0o077);
  try {
    const modes = await modesOf([
      { name: "folder/run", content: SCRIPT, mode: 0o100755 },
      { name: "a", content: "x" },
    ]);
    expect(modes).toEqual({ folder: "755", "folder/run": "755", a: "644" });
  } finally {
    process.umask(before);
  }
});

test("large files are unpacked byte for byte, stored and deflated", async () => {
  await using sandbox = await openSandbox();
  const content = Buffer.alloc(3_000_000, "0123456789abcdef, and so on; ");
  const path = await sandbox.write(
    rawZip({
      entries: [
        { name: "stored", content, method: 0 },
        { name: "deflated", content },
      ],
    }),
  );
  await extractArchive(path, sandbox.target);
  const found = await listTree(sandbox.target);
  expect(found.map((item) => [item.path, item.content.equals(content)])).toEqual([
    ["deflated", true],
    ["stored", true],
  ]);
});

test("a folder with something in it, or a link to one, is never unpacked into", async () => {
  await using sandbox = await openSandbox();
  const path = await sandbox.write(rawZip({ entries: [{ name: "a", content: "x" }] }));
  await mkdir(join(sandbox.directory, "other"));
  await symlink(join(sandbox.directory, "other"), join(sandbox.directory, "link"));
  await expect(extractArchive(path, join(sandbox.directory, "link"))).rejects.toThrow("must be an empty folder");
  await writeFile(join(sandbox.target, "left"), "over");
  await expect(extractArchive(path, sandbox.target)).rejects.toThrow("must be an empty folder");
  expect((await listTree(join(sandbox.directory, "other"))).length).toBe(0);
});

test.for([
  ["small", 100],
  ["large", 900_000],
] as const)("a %s file never goes through a link or over a file that came in between", async ([, sizeBytes]) => {
  await using sandbox = await openSandbox();
  const content = randomBytes(sizeBytes);
  await using archive = await ArchiveFile.open(await sandbox.write(rawZip({ entries: [{ name: "a", content }] })));
  const { files } = await planArchive(archive, {});
  const unpack = sizeBytes === 100 ? unpackSmall : unpackLarge;
  const other = join(sandbox.directory, "other");
  await writeFile(other, "precious");
  await symlink(other, join(sandbox.target, "link"));
  for (const file of files) {
    await expect(unpack(archive, file, join(sandbox.target, "link"), undefined)).rejects.toThrow("EEXIST");
    await expect(unpack(archive, file, other, undefined)).rejects.toThrow("EEXIST");
  }
  expect(await readFile(other, "utf8")).toBe("precious");
});

test("after a failed try the folder can be reset and used again", async () => {
  await using sandbox = await openSandbox();
  const good: RawEntry = { name: "folder/a", content: "x" };
  const damaged = await sandbox.write(rawZip({ entries: [good, { name: "b", content: "y", crc32: 1 }] }), "bad.zip");
  await expect(extractArchive(damaged, sandbox.target)).rejects.toThrow("checksum");
  await resetDirectory(sandbox.target);
  const mended = await sandbox.write(rawZip({ entries: [good, { name: "b", content: "y" }] }), "good.zip");
  await extractArchive(mended, sandbox.target);
  expect((await listTree(sandbox.target)).map((item) => item.path)).toEqual(["b", "folder", "folder/a"]);
});

test("an abort ends the unpacking with its reason", async () => {
  await using sandbox = await openSandbox();
  const content = Buffer.alloc(3_000_000, "0123456789abcdef, and so on; ");
  const path = await sandbox.write(
    rawZip({
      entries: [
        { name: "a", content },
        { name: "b", content: "x" },
      ],
    }),
  );
  const early = AbortSignal.abort(new Error("stopped early"));
  await expect(extractArchive(path, sandbox.target, {}, early)).rejects.toThrow("stopped early");
  expect(await listTree(sandbox.target)).toEqual([]);

  const controller = new AbortController();
  const attempt = extractArchive(path, sandbox.target, {}, controller.signal);
  // As soon as the first file is there, the second must not follow.
  while (!(await exists(join(sandbox.target, "a")))) await new Promise((resolve) => setImmediate(resolve));
  controller.abort(new Error("stopped late"));
  await expect(attempt).rejects.toThrow("stopped late");
  expect(await exists(join(sandbox.target, "b"))).toBe(false);
});

async function exists(path: string): Promise<boolean> {
  return await access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

test("limits can be set lower, and say what is allowed", async () => {
  await using sandbox = await openSandbox();
  const path = await sandbox.write(rawZip({ entries: ["a", "b", "c"].map((name) => ({ name, content: "12345" })) }));
  await expect(inspectArchive(path, { entries: 2 })).rejects.toThrow("more than 2 files and folders");
  await expect(inspectArchive(path, { totalBytes: 12 })).rejects.toThrow("up to 'c' its files have 15 B unpacked");
  await expect(inspectArchive(path, { archiveBytes: 100 })).rejects.toThrow("and the limit is 100 B");
  expect((await inspectArchive(path, { entries: 3, totalBytes: 15 })).totalBytes).toBe(15);
});

test("what is not a file is named as what it is", async () => {
  await using sandbox = await openSandbox();
  await expect(inspectArchive(join(sandbox.directory, "no.zip"))).rejects.toMatchObject({
    code: "archive_unreadable",
    message: expect.stringContaining("there is no file"),
  });
  await expect(inspectArchive(sandbox.target)).rejects.toMatchObject({
    code: "archive_unreadable",
    message: expect.stringContaining("is a folder"),
  });
  await expect(inspectArchive("/dev/null")).rejects.toThrow("is not a regular file");
});

test("trouble with the disk is not taken for a damaged ZIP", async () => {
  await using sandbox = await openSandbox();
  const file = await ArchiveFile.open(await sandbox.write(rawZip({ entries: [{ name: "a", content: "x" }] })));
  await file[Symbol.asyncDispose]();
  await expect(readEntries(file, DEFAULT_ARCHIVE_LIMITS)).rejects.toMatchObject({ code: "EBADF", syscall: "read" });
});
