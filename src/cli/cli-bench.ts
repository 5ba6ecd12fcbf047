import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ScriptedServer } from "../client/scripted-server.ts";
import { ClosedOutput } from "./cli-error.ts";
import type { CliIo, Output } from "./io.ts";
import type { Machine } from "./machine.ts";
import { runCli } from "./program.ts";

/** What one command line printed, and its exit code. */
export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder, a scripted server whose home is in it, and command lines that are run against them in this process. */
export class CliBench implements AsyncDisposable {
  readonly folder: string;
  readonly server: ScriptedServer;
  readonly env: Record<string, string | undefined>;
  readonly machine: Machine = {
    serve: async () => 0,
    doctor: async () => ({ checks: [] }),
    resolveEnvironment: async () => ({ found: true, label: "PyTorch 1.13.1 on Python 3.11.2 (/usr/bin/python3)" }),
  };
  stdin = "";
  /** Presses Ctrl-C in the command line that is waiting now. */
  interrupt: () => void = () => {};
  /** Told of all stdout so far after every write; may throw `ClosedOutput`. */
  onOut: (text: string) => unknown = () => {};

  /** The same of stderr. */
  onErr: (text: string) => unknown = () => {};

  private constructor(folder: string, server: ScriptedServer) {
    this.folder = folder;
    this.server = server;
    this.env = { TRAINYARD_HOME: this.home };
  }

  static async start(): Promise<CliBench> {
    const bench = new CliBench(await mkdtemp(join(tmpdir(), "trainyard-cli-")), await ScriptedServer.start());
    await bench.leaveServerRecord(bench.server.url);
    return bench;
  }

  get home(): string {
    return join(this.folder, "home");
  }

  async leaveServerRecord(url: string, pid = process.pid): Promise<void> {
    await this.write("home/server.json", JSON.stringify({ url, pid }));
    await this.write("home/admin-token", `${this.server.token}\n`);
  }

  /** Writes a file below the folder, where command lines run, and gives its path. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.folder, name);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, content);
    return path;
  }

  async trainyard(...args: string[]): Promise<Printed> {
    return await this.#run("trainyard", args);
  }

  async bx(...args: string[]): Promise<Printed> {
    return await this.#run("bx", args);
  }

  async #run(program: "trainyard" | "bx", args: string[]): Promise<Printed> {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString();
    const io: CliIo = {
      stdout: outputInto(out, () => this.onOut(text(out))),
      stderr: outputInto(err, () => this.onErr(text(err))),
      env: this.env,
      cwd: this.folder,
      readStdin: async () => this.stdin,
      readSecret: async () => this.stdin,
      now: () => new Date("2017-10-26T12:16:51.123Z"),
      onInterrupt: (callback) => {
        this.interrupt = callback;
        return () => (this.interrupt = () => {});
      },
      folders: async () => ({ home: join(this.folder, "default-home"), config: join(this.folder, "config") }),
    };
    const code = await runCli(program, args, io, this.machine);
    return { code, out: text(out), err: text(err) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}

function outputInto(chunks: Buffer[], afterWrite: () => unknown): Output {
  return {
    isTty: false,
    hasColor: false,
    columns: undefined,
    write: async (chunk) => {
      chunks.push(Buffer.from(chunk));
      afterWrite();
    },
  };
}

/** What a write does once the reader of a pipe has gone. */
export function closePipe(): never {
  throw new ClosedOutput();
}
