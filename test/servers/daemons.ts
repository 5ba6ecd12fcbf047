import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** What the servers see of our environment: nothing that could lead them to another installation. */
const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" };

/**
 * Servers for tests that live in one folder and die with it, and with this process: at the latest when the pipe that
 * a shell waits on ends, which it also does when this process is killed. They are ended by their ids only.
 */
export class Daemons {
  readonly folder: string;
  readonly #running = new Map<string, ChildProcess>();
  #leash: ChildProcess | undefined;

  /** `folder` is removed with the servers. */
  constructor(folder: string) {
    this.folder = folder;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A program that does something and ends. */
  async run(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
    const options = { cwd: this.folder, env: ENVIRONMENT, signal };
    await promisify(execFile)(program, args, options);
  }

  /** A program that stays; its output is kept for `lastWords`. */
  async launch(name: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    await using log = await open(this.#logOf(name), "a");
    const daemon = spawn(program, args, {
      cwd: this.folder,
      env: { ...ENVIRONMENT, ...env },
      stdio: ["ignore", log.fd, log.fd],
    });
    await once(daemon, "spawn");
    this.#running.set(name, daemon);
    this.#tighten();
  }

  /** Waits until the address answers with 200; throws when a server ends. */
  async untilAnswers(url: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      for (const [name, daemon] of this.#running) {
        if (!isAlive(daemon)) throw new Error(`${name} ended with ${daemon.exitCode ?? daemon.signalCode}.`);
      }
      const status = await fetch(url, { signal }).then(
        (answer) => answer.status,
        () => 0, // Not listening yet.
      );
      if (status === 200) return;
      await delay(50);
    }
  }

  async lastWords(): Promise<string> {
    const logs = [...this.#running.keys()].map(async (name) => {
      const text = await readFile(this.#logOf(name), "utf8").catch(() => "(no output)");
      return `${name}: ${text.split("\n").slice(-6).join("\n")}`;
    });
    return (await Promise.all(logs)).join("\n");
  }

  /** Nothing is worth keeping, so nothing is asked to end politely. */
  async stop(): Promise<void> {
    const running = [...this.#running.values()].filter(isAlive);
    const ends = running.map(async (daemon) => once(daemon, "exit"));
    for (const daemon of running) daemon.kill("SIGKILL");
    await Promise.all(ends);
    this.#leash?.kill("SIGKILL");
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #logOf(name: string): string {
    return this.path(`${name}.out`);
  }

  #tighten(): void {
    const pids = [...this.#running.values()].map(({ pid }) => String(pid));
    const before = this.#leash;
    this.#leash = spawn("/bin/sh", ["-c", 'read -r _; kill -KILL "$@"; rm -rf "$0"', this.folder, ...pids], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#leash.unref();
    before?.kill("SIGKILL");
  }
}

function isAlive(daemon: ChildProcess): boolean {
  return daemon.exitCode === null && daemon.signalCode === null;
}

/** Ports that were free a moment ago: all held at once, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(holders.map(async (holder) => once(holder, "listening")));
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map(async (holder) => once(holder.close(), "close")));
  return ports;
}
