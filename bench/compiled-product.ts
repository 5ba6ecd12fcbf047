import { execFile } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "..");
const run = promisify(execFile);

/**
 * What the package has, as the package has it: a program that reads TypeScript spends a good part of a short
 * measurement on that. Gives the path of `bench/download-process.ts` beside it, in JavaScript.
 */
export async function compileDownloadProcess(folder: string): Promise<string> {
  const compiler = join(ROOT, "node_modules", ".bin", "tsc");
  await run(compiler, [
    "-p",
    join(ROOT, "tsconfig.build.json"),
    "--outDir",
    join(folder, "dist"),
    "--incremental",
    "false",
    "--tsBuildInfoFile",
    "null",
  ]);
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  const typed = await readFile(join(import.meta.dirname, "download-process.ts"), "utf8");
  const program = join(folder, "download-process.js");
  const plain = stripTypeScriptTypes(typed)
    .replaceAll('"../src/', '"./dist/')
    .replaceAll(/\.ts"(?=[;)])/g, '.js"');
  await writeFile(program, plain);
  return program;
}
