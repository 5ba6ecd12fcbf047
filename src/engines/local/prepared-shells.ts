import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { announce } from "../../base/world.ts";
import { spawn } from "../../base/world-processes.ts";
import type { Clock } from "../../base/clock.ts";
import type { LearnerTask } from "../engine.ts";
import { type Enclosure, NO_TRACKER, type ProcessTracker } from "./process-tracker.ts";
import { followShim, shimCommand, type StartedShim } from "./start.ts";
import { removeWhenEmpty } from "./termination.ts";
import { TRAINING_LOG } from "./training-log.ts";

/** A start this soon after another one is part of a crowd, in which entering an enclosure takes no time. */
const QUIET_MS = 50;

/** A shell that waits in an enclosure of its own for the command it is to become. It ends with the server. */
export interface PreparedShell {
  readonly process: ChildProcess;
  readonly enclosure: Enclosure;
}

/**
 * Keeps one shell standing by where nothing has been started for a moment. The kernel lets a process into a control group only after all processors
 * have passed a quiet state: 5 to 20 ms, unless somebody has entered one just before. So the shim of a lone run enters ahead of time, as this shell. In a
 * crowd of starts the shims enter by themselves.
 */
export class PreparedShells {
  readonly #tracker: ProcessTracker;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #waiting: PreparedShell | null = null;
  #made = 0;
  #quiet: AbortController | null = null;
  #preparation: Promise<void> = Promise.resolve();

  constructor(tracker: ProcessTracker, clock: Clock) {
    this.#tracker = tracker;
    this.#clock = clock;
  }

  /** The shell that stands by, now the caller's; null when there is none. */
  take(): PreparedShell | null {
    const shell = this.#waiting;
    this.#waiting = null;
    return shell !== null && shell.process.exitCode === null && shell.process.signalCode === null ? shell : null;
  }

  /** Something has been started: once it is quiet again, a shell is prepared for what comes next. */
  expectNext(): void {
    if (this.#tracker === NO_TRACKER) return;
    this.#quiet?.abort();
    const quiet = new AbortController();
    this.#quiet = quiet;
    this.#preparation = this.#preparation.then(async () => this.#prepareAfter(quiet.signal));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#preparation;
    const shell = this.take();
    if (shell !== null) await dismiss(shell, this.#clock);
  }

  /** Never rejects: what cannot be prepared is started without. */
  async #prepareAfter(noLonger: AbortSignal): Promise<void> {
    const either = AbortSignal.any([noLonger, this.#closing.signal]);
    // An aborted sleep means that something else was started meanwhile, or that the engine is closed.
    await this.#clock.sleep(QUIET_MS, either).catch(() => undefined);
    if (either.aborted || this.#waiting !== null) return;
    const enclosure = await this.#tracker.create(`prepared.${process.pid}.${++this.#made}`).catch(() => null);
    if (enclosure !== null) this.#waiting = await letIn(enclosure, this.#clock);
  }
}

async function letIn(enclosure: Enclosure, clock: Clock): Promise<PreparedShell | null> {
  const shell = spawn("/bin/sh", [], {
    cwd: "/",
    env: {},
    detached: true,
    stdio: ["pipe", "ignore", "ignore", "pipe"],
  });
  const prepared = { process: shell, enclosure };
  const ended = once(shell, "exit").catch(() => undefined);
  const [input, , , ready] = shell.stdio;
  // EPIPE: it has ended; whoever takes it finds out by its claim.
  input?.on("error", () => undefined);
  const enter = enclosure.entrances.map((entrance) => `echo 0 >${quoted(entrance)}`).join(" && ");
  (input as NodeJS.WritableStream).write(`${enter} || exit\nprintf . >&3\n`);
  const isIn =
    ready === null || ready === undefined
      ? false
      : await Promise.race([ended.then(() => false), once(ready, "data").then(() => true)]);
  // Not before: with nothing else to wait for, the process of a server that ends would be over in the middle of its ending.
  letGo(shell);
  if (isIn) return prepared;
  await dismiss(prepared, clock);
  return null;
}

/** Does not keep this process alive any more. */
function letGo(shell: ChildProcess): void {
  shell.unref();
  for (const pipe of [shell.stdin, shell.stdio[3]])
    if (pipe !== null && pipe !== undefined && "unref" in pipe) (pipe.unref as () => void)();
}

async function dismiss({ process: shell, enclosure }: PreparedShell, clock: Clock): Promise<void> {
  shell.stdin?.end();
  await removeWhenEmpty(enclosure, clock);
}

/**
 * Lets the shell become the shim of a task, as if that had been spawned: same number, session, environment, folder, descriptors. When it cannot, it
 * ends without a claim.
 */
export async function becomeShim(
  { process: shell, enclosure }: PreparedShell,
  task: LearnerTask,
  clock: Clock,
): Promise<StartedShim> {
  const { file, args, env } = shimCommand(task, enclosure, []);
  const log = join(task.directory, TRAINING_LOG);
  const words = `${execIn(env)} ${[file, ...args].map(quoted).join(" ")}`;
  const script = `cd ${quoted(task.workingDirectory)} && unset PWD OLDPWD && ${words} </dev/null >>${quoted(log)} 2>&1\nexit\n`;
  announce("spawn", `${file} of ${task.runId}, in a shell that stood by`);
  // A shell leaves out NUL characters, which no command line can hold.
  shell.stdin?.end(script.includes("\0") ? "exit\n" : script);
  return followShim(shell, clock);
}

/**
 * The shell itself has no environment, so what it is given for the time of `exec` is all that its successor gets. Names that no shell can
 * assign to need another program to set them, which takes half a millisecond.
 */
function execIn(env: Readonly<Record<string, string>>): string {
  const entries = Object.entries(env);
  if (entries.every(([name]) => /^[A-Za-z_]\w*$/.test(name))) {
    return `${entries.map(([name, value]) => `${name}=${quoted(value)}`).join(" ")} exec`;
  }
  return `exec /usr/bin/env -i -- ${entries.map(([name, value]) => quoted(`${name}=${value}`)).join(" ")}`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
