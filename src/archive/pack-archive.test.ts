import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Sandbox } from "../../test/fixtures/archives/sandbox.ts";
import { listTree, openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { extractArchive } from "./extract-archive.ts";
import { inspectArchive } from "./inspect-archive.ts";
import { packDirectory } from "./pack-archive.ts";

async function makeModel(sandbox: Sandbox, name: string): Promise<string> {
  const folder = join(sandbox.directory, name);
  await mkdir(join(folder, "lib"), { recursive: true });
  await mkdir(join(folder, "empty"));
  await writeFile(join(folder, "train.py"), "print('hello')\n".repeat(50));
  await writeFile(join(folder, "run.sh"), "#!/bin/sh\n");
  await chmod(join(folder, "run.sh"), 0o755);
  await writeFile(join(folder, "lib", "grüße.py"), "");
  await writeFile(join(folder, ".DS_Store"), "litter");
  return folder;
}

test("a packed folder is unpacked as it was, without what macOS added", async () => {
  await using sandbox = await openSandbox();
  const folder = await makeModel(sandbox, "model");
  const zip = join(sandbox.directory, "model.zip");
  await packDirectory(folder, zip);
  await extractArchive(zip, sandbox.target);
  const expected = (await listTree(folder)).filter((item) => item.path !== ".DS_Store");
  expect(await listTree(sandbox.target)).toEqual(expected);
});

test("the same files give the same ZIP to the byte", async () => {
  await using sandbox = await openSandbox();
  const zips = [join(sandbox.directory, "1.zip"), join(sandbox.directory, "2.zip")] as const;
  await packDirectory(await makeModel(sandbox, "first"), zips[0]);
  const second = await makeModel(sandbox, "second");
  await utimes(join(second, "train.py"), new Date(0), new Date(0));
  await utimes(join(second, "empty"), new Date(0), new Date(0));
  await packDirectory(second, zips[1]);
  expect((await readFile(zips[0])).equals(await readFile(zips[1]))).toBe(true);
});

test("a ZIP made inside the folder does not pack itself", async () => {
  await using sandbox = await openSandbox();
  const folder = await makeModel(sandbox, "model");
  const zip = join(folder, "model.zip");
  await packDirectory(folder, zip);
  const { files } = await extractArchive(zip, sandbox.target);
  expect(files.map((file) => file.path)).toEqual(["lib/grüße.py", "run.sh", "train.py"]);
});

test("links are refused by name, and nothing is left behind", async () => {
  await using sandbox = await openSandbox();
  const folder = await makeModel(sandbox, "model");
  await symlink("/etc/passwd", join(folder, "lib", "link"));
  const zip = join(sandbox.directory, "model.zip");
  await expect(packDirectory(folder, zip)).rejects.toMatchObject({
    code: "archive_unsafe",
    message: expect.stringContaining("'lib/link' is a symbolic link"),
  });
  await expect(readFile(zip)).rejects.toThrow("ENOENT");
});

test("a file that may not be written over stays as it is", async () => {
  await using sandbox = await openSandbox();
  const folder = await makeModel(sandbox, "model");
  const zip = await sandbox.write(Buffer.from("precious"));
  await expect(packDirectory(folder, zip)).rejects.toThrow("EEXIST");
  expect((await readFile(zip)).toString()).toBe("precious");
});

test("a folder without files is refused", async () => {
  await using sandbox = await openSandbox();
  await expect(packDirectory(sandbox.target, join(sandbox.directory, "model.zip"))).rejects.toThrow("no files in");
});

test.skipIf(!isAvailable("info-zip"))("Info-ZIP finds nothing wrong with a packed folder", async () => {
  await using sandbox = await openSandbox();
  const folder = await makeModel(sandbox, "model");
  const zip = join(sandbox.directory, "model.zip");
  await packDirectory(folder, zip);
  const { status, stdout } = spawnSync("unzip", ["-t", zip], { encoding: "utf8" });
  expect(stdout).toContain("No errors detected");
  expect(status).toBe(0);
});

test("folders that tools keep for themselves are left out, links in them included", async () => {
  await using sandbox = await openSandbox();
  const folder = await makeModel(sandbox, "model");
  for (const tool of [".git", ".venv", "__pycache__", "node_modules"]) {
    await mkdir(join(folder, "lib", tool), { recursive: true });
    await symlink("/usr/bin/python3", join(folder, "lib", tool, "link"));
  }
  const zip = join(sandbox.directory, "model.zip");
  await packDirectory(folder, zip);
  expect((await inspectArchive(zip)).files.filter(({ path }) => /git|venv|cache|node/.test(path))).toEqual([]);
});
