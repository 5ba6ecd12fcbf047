import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian puts servers; an ordinary user's PATH does not name these. */
const SERVER_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Those of the programs that this machine does not have. */
export function findMissing(programs: readonly string[]): string[] {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SERVER_FOLDERS];
  return programs.filter((program) => !folders.some((folder) => isExecutable(join(folder, program))));
}

export function requirePrograms(programs: readonly string[]): void {
  const missing = findMissing(programs);
  if (missing.length > 0) throw new Error(`Not installed: ${missing.join(", ")} (see tools/requirements.ts).`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there or not ours to run: the same to us.
  }
}
