import { ClientError } from "../client/client-error.ts";
import { EXIT_CODES } from "../contract/exit-codes.ts";
import type { ManifestProblem } from "../contract/manifest-check.ts";
import type { Problem } from "../contract/problem.ts";
import { CliError } from "./cli-error.ts";
import type { Context } from "./context.ts";
import { paint } from "./output/paint.ts";
import { printable } from "./output/printable.ts";
import { explainFailure } from "./session.ts";

/** A failure as people see it: a sentence, where (if it has places), what to do, and the exit code. */
export interface FailureReport {
  readonly exitCode: number;
  readonly message: string;
  readonly lines: readonly string[];
  readonly hint: string;
}

/** What is wrong with one setting of the server, in a line of a file, a variable or a flag. */
interface SettingProblem {
  readonly place: string;
  readonly message: string;
  readonly hint: string;
}

/** The server's own hint is for programs: it speaks of a header. */
const GIVE_TOKEN =
  "Give the server's token: --token-file FILE, TRAINYARD_TOKEN or 'trainyard login --url URL'. On the server's machine it is in the file admin-token of its home.";

export const MEND_PLACES = "Mend each of the listed places.";

/** Turns whatever was thrown into something to read. Never shows a stack. */
export async function failureReport(error: unknown, context: Context): Promise<FailureReport> {
  const explained =
    context.connection === undefined ? error : await explainFailure(error, context.connection, context.io);
  if (explained instanceof CliError) {
    const { exitCode, message, lines, hint } = explained;
    return { exitCode, message, lines, hint };
  }
  if (explained instanceof ClientError) {
    if (explained.problem !== undefined) return reportOf(explained.problem);
    const exitCode = explained.kind === "unreachable" ? EXIT_CODES.unavailable : 1;
    return { exitCode, message: explained.message, lines: [], hint: explained.hint };
  }
  // What manifest and archive refuse; loaded here only, since it brings the schema library with it.
  const { problemOf } = await import("../contract/problem.ts");
  const problem = problemOf(explained);
  return problem === undefined ? unforeseen(explained) : reportOf(problem);
}

function reportOf(problem: Problem): FailureReport {
  const exitCode = EXIT_CODES[problem.kind] ?? 1;
  if (problem.kind === "unauthenticated") return { exitCode, message: problem.detail, lines: [], hint: GIVE_TOKEN };
  const lines = (problem.details ?? []).filter(hasPlace).map(describePlace);
  if (lines.length === 0) return { exitCode, message: problem.detail, lines, hint: problem.hint };
  const isConfiguration = problem.code === "configuration_invalid";
  const message = `The ${isConfiguration ? "configuration" : "submission"} has ${count(lines.length, "problem")}.`;
  // A configuration's own hint is made of those of its places, for where no places are shown.
  return { exitCode, message, lines, hint: isConfiguration ? MEND_PLACES : problem.hint };
}

function unforeseen(error: unknown): FailureReport {
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: 1,
    message: `Something went wrong that trainyard did not foresee: ${message}`,
    lines: [],
    hint: "If it happens again, please report it with the command that led to it.",
  };
}

function hasPlace(detail: unknown): detail is ManifestProblem | SettingProblem {
  if (typeof detail !== "object" || detail === null) return false;
  return "message" in detail && ("place" in detail || "file" in detail);
}

/** `job.yaml:3:5: sentence What to write.`: editors and terminals jump to the place. */
export function describePlace(problem: ManifestProblem | SettingProblem): string {
  return printable(`${placeOf(problem)}: ${problem.message} ${problem.hint}`.trimEnd());
}

function placeOf(problem: ManifestProblem | SettingProblem): string {
  if ("place" in problem) return problem.place;
  return [problem.file, problem.line, problem.column].filter((part) => part !== null && part !== "").join(":");
}

export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

/** The text of a failure for stderr. */
export function formatFailure(context: Context, report: FailureReport): string {
  const { stderr } = context.io;
  const label = report.exitCode === 130 ? "" : `${paint(stderr, ["red", "bold"], "error:")} `;
  const lines = report.lines.map((line) => `  ${line}\n`).join("");
  const hint = report.hint === "" ? "" : `${paint(stderr, "bold", "hint:")} ${report.hint}\n`;
  return `${label}${report.message}\n${lines}${hint}`;
}
