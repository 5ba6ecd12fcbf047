import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { unmountBelow } from "../../src/base/mounts.ts";

export const ROOT = join(import.meta.dirname, "..", "..");

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real server process over a home of its own, and the real programs against it. */
export interface Service extends AsyncDisposable {
  readonly home: string;
  /** A folder for the user's files: ZIPs, manifests. */
  readonly work: string;
  url(): Promise<string>;
  token(): Promise<string>;
  /** The server's own pid, as `server.json` tells it. */
  pid(): Promise<number>;
  start(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<number | null>;
  /** SIGKILL to the server itself, and waits until it is gone. */
  kill(): Promise<void>;
  trainyard(args: readonly string[], options?: RunOptions): Promise<Finished>;
  bx(args: readonly string[], options?: RunOptions): Promise<Finished>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Told of the standard output as it comes. */
  readonly onOutput?: (text: string) => void;
}

export interface ServiceOptions {
  /** Text of `home/trainyard.yaml`. */
  readonly configuration?: string;
}

export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const home = await mkdtemp(join(tmpdir(), "trainyard-e2e-"));
  const work = await mkdtemp(join(tmpdir(), "trainyard-work-"));
  if (options.configuration !== undefined) await writeFile(join(home, "trainyard.yaml"), options.configuration);
  let server: ChildProcess | null = null;

  const serverFile = async (): Promise<{ url: string; pid: number }> =>
    JSON.parse(await readFile(join(home, "server.json"), "utf8")) as { url: string; pid: number };
  const program =
    (name: string) =>
    async (args: readonly string[], run: RunOptions = {}) =>
      runProgram(join(ROOT, "bin", name), args, { cwd: work, ...run, env: { TRAINYARD_HOME: home, ...run.env } });

  const service: Service = {
    home,
    work,
    url: async () => (await serverFile()).url,
    pid: async () => (await serverFile()).pid,
    token: async () => (await readFile(join(home, "admin-token"), "utf8")).trim(),
    start: async () => {
      server = await startServer(home);
    },
    stop: async () => {
      // A server that was killed has no exit code, and no end of it is still to come.
      if (server === null || server.exitCode !== null || server.signalCode !== null) return server?.exitCode ?? null;
      const exited = once(server, "exit");
      server.kill("SIGTERM");
      await exited;
      return server.exitCode;
    },
    kill: async () => {
      if (server === null) throw new Error("There is no server to kill.");
      const exited = once(server, "exit");
      process.kill((await serverFile()).pid, "SIGKILL");
      await exited;
    },
    trainyard: program("trainyard"),
    bx: program("bx"),
    [Symbol.asyncDispose]: async () => {
      await service.stop();
      await unmountBelow(home);
      await rm(home, { recursive: true, force: true });
      await rm(work, { recursive: true, force: true });
    },
  };
  await service.start();
  return service;
}

async function startServer(home: string): Promise<ChildProcess> {
  const args = ["serve", "--home", home, "--listen", "127.0.0.1:0"];
  const server = spawn(join(ROOT, "bin", "trainyard"), args, { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes("http://")) return server;
  }
  throw new Error(`The server ended before it was ready: ${errors}`);
}

export async function runProgram(program: string, args: readonly string[], run: RunOptions = {}): Promise<Finished> {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(program, args, {
    cwd: run.cwd,
    env: { PATH, HOME, ...run.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
    run.onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  child.stdin.end(run.stdin ?? "");
  await once(child, "close");
  return { code: child.exitCode, ...output };
}
