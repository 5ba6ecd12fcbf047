import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { cpuMsWithChildren, firstLine } from "../machine.ts";
import { printed } from "./processes.ts";

/** Task Spooler: the queue of one machine, in the memory of its server, with a process for each submission. */
export interface TaskSpooler extends Disposable {
  readonly version: string;
  /** Resolves when the submission is acknowledged: its client has printed a number and ended. */
  submit(command: string): Promise<void>;
  /** So many submissions, two at a time as the slots are; resolves when all have ended, whose outputs and codes it keeps. */
  runMany(command: readonly string[], count: number): Promise<void>;
  /** Submits and waits for the end. What runs the command is then a child of this process, and its CPU time known. */
  runToEnd(command: string): Promise<void>;
  serverCpuMs(): number;
}

/** Undefined where it is not installed. */
export function startTaskSpooler(folder: string, slots: number): TaskSpooler | undefined {
  const version = firstLine("tsp", ["-V"]);
  if (version === "not here") return undefined;
  const socket = `${folder}/tsp.socket`;
  const env = { PATH: process.env["PATH"] ?? "", TS_SOCKET: socket, TMPDIR: folder };
  const call = async (args: readonly string[]): Promise<void> => {
    await once(spawn("tsp", args, { env, stdio: "ignore" }), "exit");
  };
  const numbered = async (args: readonly string[]): Promise<string> => (await printed("tsp", args, env)).trim();
  // The first client starts the server, which goes on by itself.
  spawnSync("tsp", ["-S", String(slots)], { env });
  const server = findProcess(`TS_SOCKET=${socket}`);
  return {
    version,
    submit: async (command) => call(["bash", "-c", command]),
    runMany: async (command, count) => {
      const numbers: string[] = [];
      let left = count;
      const client = async (): Promise<void> => {
        while ((left -= 1) >= 0) numbers.push(await numbered(command));
      };
      await Promise.all([client(), client()]);
      for (const number of numbers.slice(-2)) await call(["-w", number]);
      await call(["-C"]);
    },
    runToEnd: async (command) => call(["-f", "bash", "-c", command]),
    serverCpuMs: () => cpuMsWithChildren(server),
    [Symbol.dispose]: () => void spawnSync("tsp", ["-K"], { env }),
  };
}

function findProcess(environmentEntry: string): number {
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(environmentEntry)) return Number(name);
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  throw new Error(`No process has ${environmentEntry} in its environment.`);
}
