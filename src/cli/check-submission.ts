import type { CheckReport, ManifestProblem } from "../contract/manifest-check.ts";
import type { ArchiveInspection } from "../archive/inspect-archive.ts";
import { inspectArchive } from "../archive/inspect-archive.ts";
import { problemOf } from "../contract/problem.ts";
import { readManifest, type ManifestReading } from "../manifest/read-manifest.ts";
import { CliError } from "./cli-error.ts";
import type { FilledManifest } from "./filled-manifest.ts";
import { missingRequirements } from "./missing-requirements.ts";
import { missingProgram } from "./missing-program.ts";
import { count, describePlace, MEND_PLACES } from "./report.ts";

export interface CheckedSubmission extends CheckReport {
  readonly spec: ManifestReading["spec"];
  /** The manifest's name, as problems tell it. */
  readonly manifestFile: string;
  /** Null when no ZIP was given, or it is refused. */
  readonly inspection: ArchiveInspection | null;
}

/** A ZIP on this disk, and the name by which problems are told. */
export interface ArchiveToCheck {
  readonly path: string;
  readonly shown: string;
}

/** Everything that can be known about a submission without a server; nothing is thrown for a mistake of the user's. */
export async function checkSubmission(
  manifest: FilledManifest,
  archive: ArchiveToCheck | null,
): Promise<CheckedSubmission> {
  const { spec, problems, warnings } = readManifest(manifest.bytes, manifest.shown);
  const manifestProblems = withFirst(manifest.problems, problems);
  const inspected = archive === null ? null : await inspect(archive, spec === null ? {} : { command: spec.command });
  const archiveProblems = inspected !== null && "problem" in inspected ? [inspected.problem] : [];
  const inspection = inspected !== null && "files" in inspected ? inspected : null;
  const requirements =
    spec === null || archive === null || inspection === null
      ? null
      : missingRequirements(spec.framework.requirements, inspection, archive.shown);
  const all = [...manifestProblems, ...archiveProblems, ...(requirements === null ? [] : [requirements])];
  const missing =
    spec === null || archive === null || inspection === null
      ? null
      : missingProgram(spec.command, inspection, archive.shown);
  return {
    spec: all.length === 0 ? spec : null,
    problems: all,
    warnings: missing === null ? warnings : [...warnings, missing],
    inspection,
    manifestFile: manifest.shown,
  };
}

/** In the order of the lines; where both name a place, what could not be filled in there tells more. */
function withFirst(known: readonly ManifestProblem[], others: readonly ManifestProblem[]): ManifestProblem[] {
  const told = new Set(known.map(({ path }) => path));
  const all = [...known, ...others.filter(({ path }) => !told.has(path))];
  return all.toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity));
}

/** The command decides, as it does at a server, whether a folder around everything is left out. */
async function inspect(
  archive: ArchiveToCheck,
  options: { readonly command?: string },
): Promise<ArchiveInspection | { readonly problem: ManifestProblem }> {
  try {
    return await inspectArchive(archive.path, options);
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    const { code, detail: message, hint } = problem;
    // A ZIP as a whole has no line.
    return { problem: { code, message, hint, file: archive.shown, line: null, column: null, path: "" } };
  }
}

/** Throws all problems at once, each with its place. */
export function refuseProblems(checked: CheckedSubmission): void {
  const { problems } = checked;
  if (problems.length === 0) return;
  throw new CliError(
    2,
    `The submission has ${count(problems.length, "problem")}, so nothing was sent.`,
    MEND_PLACES,
    problems.map(describePlace),
  );
}
