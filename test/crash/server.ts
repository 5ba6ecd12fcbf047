import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Step } from "../../src/base/world.ts";
import type { Arming } from "./arm.ts";
import { stretched } from "./patience.ts";

const START_LIMIT_MS = 30_000;
const END_LIMIT_MS = 15_000;

export interface ServerOptions {
  readonly home: string;
  /** Of `bundle.ts`, or `bin/trainyard` as users run it. */
  readonly program: string;
  readonly arming: Arming;
}

export const UNARMED: Arming = { crashAt: 0, tears: false };

/** The real server with the gate of `arm.ts`. It may end by its own hand at any moment, also before it is ready. */
export class Server {
  readonly #child: ChildProcess;
  readonly #report: string;
  readonly ended: Promise<void>;
  url: string | null = null;
  errors = "";

  constructor(options: ServerOptions) {
    const { home, program, arming } = options;
    this.#report = `${home}.step.json`;
    const args = [program, "serve", "--home", home, "--listen", "127.0.0.1:0"];
    const { PATH = "", HOME = "" } = process.env;
    const env = {
      PATH,
      HOME,
      // `bin/trainyard` has one of its own.
      ...(program.endsWith(".mjs") ? { NODE_COMPILE_CACHE: join(dirname(program), "compiled") } : {}),
      CRASH_AT: String(arming.crashAt),
      CRASH_TEARS: arming.tears ? "1" : "0",
      CRASH_REPORT: this.#report,
    };
    this.#child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.errors = (this.errors + text).slice(-4000);
    });
    this.ended = once(this.#child, "exit").then(() => undefined);
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Of this process since its start, without those that it started. */
  get processorMs(): number {
    const [, facts = ""] = readFileSync(`/proc/${this.pid}/stat`, "latin1").split(") ");
    // utime and stime in hundredths of a second, the fields 14 and 15 (proc(5)), of which two stand before the bracket.
    const [user, system] = facts.split(" ").slice(11, 13).map(Number);
    return ((user ?? 0) + (system ?? 0)) * 10;
  }

  /** True once it answers; false when it ended before. */
  async becomeReady(): Promise<boolean> {
    const ready = (async () => {
      for await (const line of createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })) {
        const [url] = /http:\/\/\S+/.exec(line) ?? [];
        if (url !== undefined) return url;
      }
      return null;
    })();
    this.url = await within(
      START_LIMIT_MS,
      "The server was not ready",
      Promise.race([ready, this.ended.then(() => null)]),
    );
    this.#child.stdout?.resume();
    if (this.url === null) await this.ended;
    return this.url !== null;
  }

  /** Counts from now on. False when the server is gone. */
  async arm(arming: Arming): Promise<boolean> {
    if (!this.isAlive || !this.#child.connected) return false;
    const answered = once(this.#child, "message");
    this.#child.send(arming, () => undefined);
    await Promise.race([answered, this.ended]);
    return this.isAlive;
  }

  /** SIGTERM, and the end: false when a gate ended it first. */
  async end(): Promise<boolean> {
    if (this.isAlive) this.#child.kill("SIGTERM");
    await within(END_LIMIT_MS, "The server did not end after SIGTERM", this.ended);
    return this.#child.exitCode === 0;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** The step before which it ended itself; null when it did not. */
  async takeStep(): Promise<Step | null> {
    const text = await readFile(this.#report, "utf8").catch(() => null);
    await rm(this.#report, { force: true });
    return text === null ? null : (JSON.parse(text) as Step);
  }
}

export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const allowedMs = stretched(limitMs);
  const limit = setTimeout(() => late.reject(new Error(`${what} within ${allowedMs / 1000} s.`)), allowedMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(limit);
  }
}
