import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdtemp, rm, writeFile } from "../base/world-files.ts";
import { buildErrorFrom, EnvironmentBuildError } from "./build-error.ts";
import type { CommandEnding, CommandRunner } from "./bounded-command.ts";
import { withoutPasswords } from "./index-settings.ts";

/** A program that finds packages that fit together and installs them. Both methods reject with `EnvironmentBuildError`. */
export interface Installer {
  /** For people: `uv 0.13.9 (/usr/local/bin/uv)`. */
  readonly label: string;
  /** Every package that the requirements need for this Python, one on a line with its version, hashes where known. */
  lock(python: string, requirements: readonly string[], step: InstallStep): Promise<string>;
  /** Makes a virtual environment at `folder`, which is not there yet, with exactly what the lock says. */
  install(python: string, lock: string, folder: string, step: InstallStep): Promise<void>;
}

export interface InstallStep {
  readonly timeLimitMs: number;
  readonly signal: AbortSignal;
  /** A line without passwords. */
  onLine(line: string): void;
}

export interface InstallerParts {
  readonly run: CommandRunner;
  /** The whole environment of the tool, the settings of its package index included. */
  readonly env: Readonly<Record<string, string>>;
}

const LAST_LINES = 20;

/** Runs one step of a tool; resolves with its stdout, or rejects with what its last lines mean. */
export async function runStep(
  parts: InstallerParts,
  what: string,
  [file, ...args]: readonly [string, ...string[]],
  step: InstallStep,
): Promise<string> {
  const lines = lineSplitter((line) => step.onLine(line));
  const folder = await mkdtemp(join(tmpdir(), "trainyard-build-"));
  try {
    const command = { file, args, env: parts.env, workingDirectory: folder, timeLimitMs: step.timeLimitMs };
    const ending = await parts.run(
      { ...command, onOutput: (text: string) => lines.push(text), endsWithService: true },
      step.signal,
    );
    lines.end();
    return outputOf(what, ending, step);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function outputOf(what: string, ending: CommandEnding, step: InstallStep): string {
  if (ending.status === "not_started") {
    throw new EnvironmentBuildError("no_tool", `${what} failed: the tool does not start (${ending.reason}).`);
  }
  if (ending.status === "exited" && ending.exitCode === 0) return ending.stdout;
  const lines = `${ending.stdout}\n${ending.stderr}`
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(withoutPasswords)
    .slice(-LAST_LINES);
  if (ending.status === "timed_out") {
    const minutes = (step.timeLimitMs / 60_000).toFixed(1);
    throw new EnvironmentBuildError("timed_out", `${what} was not done after ${minutes} minutes.`, lines);
  }
  throw buildErrorFrom(what, lines);
}

/** Text as it comes, given on line by line. */
function lineSplitter(onLine: (line: string) => void): { push(text: string): void; end(): void } {
  let rest = "";
  const tell = (line: string): void => {
    if (line.trim() !== "") onLine(withoutPasswords(line.trimEnd()));
  };
  return {
    push: (text) => {
      const lines = (rest + text).split(/[\r\n]+/);
      rest = (lines.pop() ?? "").slice(-4096);
      for (const line of lines) tell(line);
    },
    end: () => tell(rest),
  };
}

/** Hands the text to `use` as a file in a folder of its own, which is gone afterwards. */
export async function withFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-lock-"));
  try {
    const path = join(folder, "requirements.txt");
    await writeFile(path, text);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
