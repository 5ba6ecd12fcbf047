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

/** Turns whatever was thrown into something to read. Never shows a stack. */
export async function failureReport(error: unknown, context: Context): Promise<FailureReport> {
  const explained = context.connection === undefined ? error : await explainFailure(error, context.connection);
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
  const details = problem.details ?? [];
  const places = details.filter(isPlace).map(describePlace);
  const message = places.length === 0 ? problem.detail : `The submission has ${count(places.length, "problem")}.`;
  return { exitCode: EXIT_CODES[problem.kind] ?? 1, message, lines: places, hint: problem.hint };
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

function isPlace(detail: unknown): detail is ManifestProblem {
  return typeof detail === "object" && detail !== null && "file" in detail && "message" in detail;
}

/** `job.yaml:3:5: sentence What to write.`: editors and terminals jump to the place. */
export function describePlace(problem: ManifestProblem): string {
  const position = [problem.file, problem.line, problem.column].filter((part) => part !== null && part !== "");
  return printable(`${position.join(":")}: ${problem.message} ${problem.hint}`.trimEnd());
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
