import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian puts servers; an ordinary user's PATH does not name these. */
const SERVER_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Those of the programs that this machine does not have. */
export function findMissing(programs: readonly string[]): string[] {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SERVER_FOLDERS];
  return programs.filter((program) => !folders.some((folder) => isExecutable(join(folder, program))));
}

/**
 * Whether tests that need the programs are left out. In CI nothing may be left out: there the tests run, and fail with
 * the name of what is missing.
 */
export function isLeftOut(programs: readonly string[]): boolean {
  return findMissing(programs).length > 0 && process.env["CI"] !== "true";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there or not ours to run: the same to us.
  }
}
