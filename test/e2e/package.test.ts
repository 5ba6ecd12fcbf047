import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ROOT, runProgram } from "./service.ts";

const OLD_NODE = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });`;

const execute = promisify(execFile);

/** What users of the package get: compiled, without tests, and without the Node that a checkout brings. */
test("the packed package runs from its compiled files, and tells an old Node what is needed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-package-"));
  try {
    await execute("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: ROOT });
    const [tarball = ""] = await readdir(folder);
    await execute("tar", ["-xzf", tarball], { cwd: folder });
    const root = join(folder, "package");
    const files = (await readdir(root, { recursive: true })).toSorted();
    expect(files.filter((file) => /\.test\.|conformance|scripted|node-linux|^src/.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "openapi.json", "dist/main.js"]));
    await execute(join(ROOT, "node_modules/.bin/publint"), ["--strict", root]);

    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const version = await runProgram(join(root, "bin", "trainyard"), ["--version"], {
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(version).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^trainyard \d+\.\d+\.\d+\n$/),
      stderr: "",
    });
    const help = await runProgram(join(root, "bin", "bx"), ["ml", "help"]);
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining("bx ml") });

    const pretend = join(folder, "old-node.cjs");
    await writeFile(pretend, OLD_NODE);
    const old = await runProgram(process.execPath, ["--require", pretend, join(root, "bin", "trainyard"), "list"]);
    expect(old).toMatchObject({ code: 78, stdout: "", stderr: expect.stringContaining("needs Node 24.15 or newer") });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
