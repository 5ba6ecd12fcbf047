import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const DEADLINE_MS = 60_000;

export interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Printed {
  readonly code: number;
  /** Both streams, in order, as a terminal shows them. */
  readonly output: string;
}

/** A shell that takes one command after the other; folder, variables and the last exit code stay, as in a terminal. */
export class Terminal implements AsyncDisposable {
  readonly #shell: ChildProcessByStdio<Writable, Readable, null>;
  readonly #script: string;
  readonly #mark = randomUUID();
  #output = "";
  #lastCode = 0;

  /** `folder` is for this terminal's own files, out of the reader's sight. */
  constructor(folder: string, { cwd, env }: Surroundings) {
    this.#script = join(folder, `${this.#mark}.sh`);
    this.#shell = spawn("bash", ["--noprofile", "--norc"], {
      cwd,
      env,
      stdio: ["pipe", "pipe", "ignore"],
      detached: true,
    });
    this.#shell.stdout.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#shell.stdin.write("exec 2>&1\n");
  }

  async run(command: string): Promise<Printed> {
    writeFileSync(this.#script, `${command}\n`);
    this.#output = "";
    // Sourced, so that `cd` and `export` last; from a file, so that the shell's own input stays out of the command's reach.
    this.#shell.stdin.write(
      `(exit ${this.#lastCode}); . '${this.#script}' </dev/null; printf '\\n%s %s\\n' ${this.#mark} $?\n`,
    );
    const end = new RegExp(`\\n${this.#mark} (\\d+)\\n$`);
    await until(
      this.#shell.stdout,
      () => end.test(this.#output),
      `'${command}' did not end`,
      () => this.#output,
    );
    this.#lastCode = Number(end.exec(this.#output)?.[1]);
    return { code: this.#lastCode, output: this.#output.replace(end, "") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endGroup(this.#shell, "SIGKILL");
  }
}

/** A program that goes on in a terminal of its own. */
export class Background implements AsyncDisposable {
  readonly #program: ChildProcessByStdio<null, Readable, Readable>;
  #output = "";

  constructor(commands: readonly string[], { cwd, env }: Surroundings) {
    const script = [...commands.slice(0, -1), `exec ${commands.at(-1)}`].join("\n");
    this.#program = spawn("bash", ["-c", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const stream of [this.#program.stdout, this.#program.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
  }

  /** Waits until what was printed is as wanted, and gives it. */
  async until(isWanted: (output: string) => boolean, complaint: string): Promise<string> {
    await until(
      this.#program.stdout,
      () => isWanted(this.#output),
      complaint,
      () => this.#output,
    );
    return this.#output;
  }

  async interrupt(): Promise<void> {
    await endGroup(this.#program, "SIGINT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endGroup(this.#program, "SIGTERM");
  }
}

/** Looks again with everything that is printed; rejects at the deadline or when the stream ends without it. */
async function until(stream: Readable, isThere: () => boolean, complaint: string, soFar: () => string): Promise<void> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  while (!isThere()) {
    const reason = stream.readableEnded ? "ended" : deadline.aborted ? `waited ${DEADLINE_MS / 1000} s` : null;
    if (reason !== null) throw new Error(`${complaint} (${reason}). It printed:\n${soFar()}`);
    const looked = new AbortController();
    const signal = AbortSignal.any([deadline, looked.signal]);
    // A rejection is the deadline's, and the next turn says so.
    await Promise.race([once(stream, "data", { signal }), once(stream, "end", { signal })]).catch(() => undefined);
    looked.abort();
  }
}

async function endGroup(
  child: ChildProcessByStdio<Writable | null, Readable, Readable | null>,
  signal: NodeJS.Signals,
) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = once(child, "close");
  process.kill(-child.pid, signal);
  await closed;
}
