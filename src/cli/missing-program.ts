import { posix } from "node:path";
import type { ArchiveInspection } from "../archive/inspect-archive.ts";
import type { ManifestProblem } from "../contract/manifest-check.ts";
import type { ProblemCode } from "../manifest/problem.ts";

/**
 * An interpreter and the plain relative path of a file with an extension, without anything that a shell would read
 * as more than a word: whatever else a command says is not guessed at.
 */
const PLAIN_PROGRAM = /^\s*(?:python3?|node|bash|sh)\s+(?<file>[\w.][\w./-]*\.\w+)(?=\s|$)/;

/** A warning where the command names a program file that the ZIP obviously lacks; null where nothing can be said. */
export function missingProgram(command: string, { files }: ArchiveInspection, shown: string): ManifestProblem | null {
  const file = PLAIN_PROGRAM.exec(command)?.groups?.["file"];
  if (file === undefined) return null;
  const path = posix.normalize(file);
  if (path.startsWith("../") || files.some((archived) => archived.path === path)) return null;
  const sameName = files.find((archived) => posix.basename(archived.path) === posix.basename(path));
  const hint =
    sameName === undefined
      ? "Add it, or mend the command."
      : `It has '${sameName.path}': mend the command, or move it.`;
  const code: ProblemCode = "program_missing";
  const message = `'${path}' is not in the ZIP, and the command runs it.`;
  // A ZIP as a whole has no line.
  return { code, message, hint, file: shown, line: null, column: null, path: "" };
}
