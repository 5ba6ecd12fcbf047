import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { checkIteration } from "./check.ts";
import { ServerGone } from "./client.ts";
import { Iteration } from "./iteration.ts";
import { within } from "./server.ts";
import type { Story } from "./stories.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/**
 * Kills of the real program from outside, at system calls that no code of ours announces: those of SQLite on the main
 * thread, those of Node's thread pool. `strace` attaches to a server at rest and kills it at the n-th call of a kind.
 */
const CALLS = [
  "fsync,fdatasync",
  "pwrite64",
  "write,writev",
  "rename,renameat,renameat2,link,unlink,unlinkat,rmdir,mkdir",
  "openat",
  "ftruncate",
] as const;

export interface OutsideOptions {
  readonly story: Story;
  readonly place: string;
  readonly program: string;
  readonly zip: Uint8Array<ArrayBuffer>;
  /** At most so many kills for each group of system calls. */
  readonly mostEach: number;
  readonly onKill: (calls: string, n: number) => void;
  readonly onViolation: (calls: string, n: number, error: Error, server: string) => void;
}

/** Kills at the 1st, 2nd, 3rd, … call of each group while the story is told, until the story no longer makes so many. */
export async function sweepFromOutside(options: OutsideOptions): Promise<void> {
  await using world = await World.make(options.place, options.program);
  for (const calls of CALLS) {
    for (let n = 1; n <= options.mostEach; n += 1) {
      try {
        if (!(await killAt(world, calls, n, options))) break;
      } catch (error) {
        options.onViolation(calls, n, error as Error, world.lastErrors);
        return;
      }
    }
  }
}

/** False when the story was over before. */
async function killAt(world: World, calls: string, n: number, options: OutsideOptions): Promise<boolean> {
  const { story } = options;
  if (!world.hasServer && !(await world.start())) throw new Violation(14, "the server does not start");
  const told = new Iteration(`${story.name}-${calls.split(",")[0]}-${n}`, world);
  await using _tracer = await attach(world.server.pid, calls, n);
  const isWhole = await tell(story, told, options.zip);
  if (isWhole) {
    // The tracer lets go; a server that it did not kill goes on.
    return false;
  }
  await world.server.ended;
  world.lastErrors = world.server.errors;
  options.onKill(calls, n);
  if (!(await world.start())) throw new Violation(14, "the server does not start again");
  told.startPatience(true);
  if (!(await tell(story, told, options.zip))) throw new Violation(14, "the server ended by itself");
  await checkIteration(told);
  return true;
}

async function tell(story: Story, told: Iteration, zip: Uint8Array<ArrayBuffer>): Promise<boolean> {
  try {
    await story.tell(told, zip);
    return true;
  } catch (error) {
    if (error instanceof ServerGone) return false;
    throw error;
  }
}

/** Counts the calls of each thread from now on. Programs that the server starts are let go as they begin. */
async function attach(pid: number, calls: string, n: number): Promise<AsyncDisposable> {
  const filter = ["-e", `trace=${calls}`, "-e", `inject=${calls}:signal=KILL:when=${n}`, "-o", "/dev/null"];
  const tracer = spawn("strace", ["-f", "-b", "execve", ...filter, "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(tracer, "exit");
  const attached = Promise.withResolvers<void>();
  let said = "";
  tracer.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (/attached/.test(said)) attached.resolve();
  });
  const failed = ended.then(() => Promise.reject(new Error(`strace ended: ${said}`)));
  failed.catch(() => undefined);
  await within(5_000, "strace did not attach", Promise.race([attached.promise, failed]));
  // It says so before it has let the threads go on; a call of theirs meanwhile is counted all the same.
  await sleep(20);
  return {
    [Symbol.asyncDispose]: async () => {
      tracer.kill("SIGTERM");
      await ended;
    },
  };
}
