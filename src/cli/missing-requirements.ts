import { posix } from "node:path";
import type { ArchiveInspection } from "../archive/inspect-archive.ts";
import type { ManifestProblem } from "../contract/manifest-check.ts";
import type { ProblemCode } from "../manifest/problem.ts";

/** The problem that the ZIP lacks the file of requirements that the manifest names; null where it has it. */
export function missingRequirements(
  requirements: string | null,
  { files }: ArchiveInspection,
  shown: string,
): ManifestProblem | null {
  if (requirements === null || files.some(({ path }) => path === posix.normalize(requirements))) return null;
  const code: ProblemCode = "requirements_missing";
  const message = `'${requirements}' is not in the ZIP, and the manifest names it as its requirements.`;
  const hint = "Put the file into the ZIP, or mend 'requirements' in the manifest.";
  // A ZIP as a whole has no line.
  return { code, message, hint, file: shown, line: null, column: null, path: "" };
}
