import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";

interface BoundedCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment; nothing of this process comes through beside it. */
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly timeLimitMs: number;
}

export type CommandEnding =
  | { readonly status: "exited"; readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  | { readonly status: "signaled"; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly status: "timed_out"; readonly stdout: string; readonly stderr: string }
  | { readonly status: "not_started"; readonly reason: string };

/** Runs a program and waits for its end, its time limit, or the signal: a rejection means that it was aborted. */
export type CommandRunner = (command: BoundedCommand, signal: AbortSignal) => Promise<CommandEnding>;

/** Of each stream the last part is kept: a probe's facts and a program's last words stand at the end. */
const KEPT_CHARACTERS = 64 * 1024;

export const runCommand: CommandRunner = async (command, signal) => {
  signal.throwIfAborted();
  const child = spawn(command.file, [...command.args], {
    cwd: command.workingDirectory,
    env: command.env,
    detached: true, // a process group of its own, so that the limit reaches what the program started
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<CommandEnding>();
  const stdout = keepTail(child.stdout);
  const stderr = keepTail(child.stderr);
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, command.timeLimitMs);
  const abort = () => killGroup(child);
  signal.addEventListener("abort", abort, { once: true });

  child.on("error", (error) => resolve({ status: "not_started", reason: error.message }));
  child.on("close", (exitCode, killedBy) => {
    const output = { stdout: stdout(), stderr: stderr() };
    if (signal.aborted) reject(signal.reason);
    else if (timedOut) resolve({ status: "timed_out", ...output });
    else if (exitCode === null) resolve({ status: "signaled", signal: killedBy ?? "unknown", ...output });
    else resolve({ status: "exited", exitCode, ...output });
  });
  try {
    return await promise;
  } finally {
    clearTimeout(limit);
    signal.removeEventListener("abort", abort);
  }
};

function killGroup(child: ChildProcess): void {
  // Without these, a grandchild that left the group but kept the pipes would hold back "close" for ever.
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Already gone: the group ended between the decision and the call.
  }
}

function keepTail(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    text = (text + chunk).slice(-KEPT_CHARACTERS);
  });
  return () => text;
}
