import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { kill, spawn } from "../base/world-processes.ts";

interface BoundedCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment; nothing of this process comes through beside it. */
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly timeLimitMs: number;
  /** Called with what the program writes, as it comes, both streams in one. */
  readonly onOutput?: (text: string) => void;
  /**
   * Ends the program also when this process is killed: what writes where the next server will write must not outlive
   * this one. A probe needs no such care.
   */
  readonly endsWithService?: boolean;
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

/**
 * The guard of a program that must not outlive this process. It waits at a pipe that nobody writes to: the pipe ends
 * when this process does, however that came about, and then the guard ends the whole group.
 */
const GUARDED = `
  exec 3<&0 </dev/null
  { read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
  guard=$!
  exec 3<&-
  "$@"
  code=$?
  kill "$guard"
  exit "$code"
`;

export const runCommand: CommandRunner = async (command, signal) => {
  signal.throwIfAborted();
  const child = start(command);
  const { promise, resolve, reject } = Promise.withResolvers<CommandEnding>();
  const stdout = keepTail(child.stdout, command.onOutput);
  const stderr = keepTail(child.stderr, command.onOutput);
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

function start({ file, args, workingDirectory, env, endsWithService = false }: BoundedCommand) {
  const [program, words] = endsWithService ? ["/bin/sh", ["-c", GUARDED, "sh", file, ...args]] : [file, [...args]];
  return spawn(program, words, {
    cwd: workingDirectory,
    env,
    detached: true, // a process group of its own, so that the limit reaches what the program started
    stdio: [endsWithService ? "pipe" : "ignore", "pipe", "pipe"],
  });
}

function killGroup(child: ChildProcess): void {
  // Without these, a grandchild that left the group but kept the pipes would hold back "close" for ever.
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, "SIGKILL");
  } catch {
    // Already gone: the group ended between the decision and the call.
  }
}

function keepTail(stream: Readable | null, onOutput: BoundedCommand["onOutput"]): () => string {
  let text = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (chunk: string) => {
    text = (text + chunk).slice(-KEPT_CHARACTERS);
    onOutput?.(chunk);
  });
  return () => text;
}
