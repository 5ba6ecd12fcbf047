import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { open } from "../../base/world-files.ts";
import { spawn } from "../../base/world-processes.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../engine-error.ts";
import type { LearnerTask } from "../engine.ts";
import { learnerKey } from "./learner-handle.ts";
import type { Enclosure } from "./process-tracker.ts";
import { type Claim, NONE, readClaim, recordPrefix } from "./records.ts";
import { MARK_VARIABLE, SHIM } from "./shim.ts";
import { TRAINING_LOG } from "./training-log.ts";

/** A shim that has been started and has decided the claim: it holds it, or another one does. */
export interface StartedShim {
  readonly pid: number | undefined;
  /** Resolves when it has ended. Never rejects. */
  readonly ended: Promise<void>;
  /** Whether it was collected so lately that its number cannot have gone to another process and from there to a session. */
  hasJustEnded(): boolean;
  /** Keeps this process alive for the end, as a waiting caller expects. Without it the server may go and the shim stays. */
  hold(): Disposable;
}

/** In this time no machine gives all its process numbers away and comes round. */
const JUST_MS = 500;

/** How long a shim may take from its start to its claim before it is taken for stuck. Usually 2 ms. */
const CLAIM_PATIENCE_MS = 30_000;
/** How long another shim may take from making its claim to having written who it is. Usually 0.1 ms. */
const UNFINISHED_PATIENCE_MS = 2_000;

/** Starts the shell around the learner, in a session of its own, and waits until the claim of the attempt is decided. */
export async function startShim(task: LearnerTask, enclosure: Enclosure | null, clock: Clock): Promise<StartedShim> {
  // Output goes to a file, not through a pipe to this process: the learner must be able to write while the service restarts.
  await using log = await openLog(task);
  return followShim(await spawnShim(task, enclosure, log.fd), clock);
}

/** Waits until the shim has decided the claim, and knows of its end from then on. */
export async function followShim(shim: ChildProcess, clock: Clock): Promise<StartedShim> {
  shim.unref();
  let endedAtMs: number | null = null;
  const ended = new Promise<void>((resolve) => {
    shim.once("exit", () => {
      endedAtMs = clock.monotonicMs();
      resolve();
    });
  });
  await claimDecided(shim);
  return {
    pid: shim.pid,
    ended,
    hasJustEnded: () => endedAtMs !== null && clock.monotonicMs() - endedAtMs < JUST_MS,
    hold: counted(
      () => shim.ref(),
      () => shim.unref(),
    ),
  };
}

/** `first` is called when there is a holder, `last` when there is none any more. */
function counted(first: () => void, last: () => void): () => Disposable {
  let holders = 0;
  return () => {
    if (++holders === 1) first();
    return {
      [Symbol.dispose]: () => {
        if (--holders === 0) last();
      },
    };
  };
}

/** The claim of an attempt, waited for while it is being written; null when nobody has taken it. */
export async function findClaim(directory: string, attempt: number, clock: Clock): Promise<Claim | null> {
  const prefix = recordPrefix(directory, attempt);
  const deadlineMs = clock.monotonicMs() + UNFINISHED_PATIENCE_MS;
  for (;;) {
    const claim = readClaim(prefix);
    if (claim !== "unfinished") return claim;
    if (clock.monotonicMs() >= deadlineMs) {
      // Whether its program ran cannot be known, so the attempt must not be started again.
      throw new EngineError(
        `Attempt ${attempt} was begun by a shim that vanished before it wrote who it was (${prefix}.pid).`,
        { retryable: false },
      );
    }
    await clock.sleep(5);
  }
}

async function openLog(task: LearnerTask) {
  const path = join(task.directory, TRAINING_LOG);
  try {
    return await open(path, "a");
  } catch (error) {
    throw new EngineError(`The log ${path} cannot be opened: ${codeOf(error)}.`, {
      retryable: isShortage(codeOf(error)),
      cause: error,
    });
  }
}

async function spawnShim(task: LearnerTask, enclosure: Enclosure | null, log: number): Promise<ChildProcess> {
  try {
    const { file, args, env } = shimCommand(task, enclosure);
    const shim = spawn(file, args, {
      cwd: task.workingDirectory,
      env,
      detached: true,
      stdio: ["ignore", log, log, "pipe"],
    });
    await once(shim, "spawn");
    return shim;
  } catch (error) {
    const code = codeOf(error);
    throw new EngineError(`Learner ${task.learner} of ${task.runId} cannot be started: ${await explain(code, task)}.`, {
      retryable: isShortage(code),
      cause: error,
    });
  }
}

/** What the shim of a task is executed with. `entrances` are those of the enclosure that it is not in yet. */
export function shimCommand(
  task: LearnerTask,
  enclosure: Enclosure | null,
  entrances: readonly string[] = enclosure?.entrances ?? [],
) {
  const gpus = task.gpus?.join(",") ?? "";
  const [entrance = "", memoryEntrance = ""] = entrances;
  const prefix = recordPrefix(task.directory, task.attempt);
  const facts = [prefix, gpus || NONE, enclosure?.place ?? NONE, entrance, memoryEntrance];
  return {
    file: "/bin/sh",
    args: ["-c", SHIM, "trainyard-shim", task.command, task.banner, ...facts],
    env: { ...task.env, [MARK_VARIABLE]: learnerKey(task) },
  };
}

/** ENOENT does not say which of the two is missing, and E2BIG not what is too long. */
async function explain(code: string, task: LearnerTask): Promise<string> {
  if (code === "E2BIG") return "its command and environment are longer than this system takes (E2BIG)";
  if (code === "ERR_INVALID_ARG_VALUE") return "its command, banner or environment holds a NUL character";
  if (code !== "ENOENT") return code;
  const folderExists = await access(task.workingDirectory).then(
    () => true,
    () => false,
  );
  return folderExists ? "there is no /bin/sh" : `its folder ${task.workingDirectory} does not exist`;
}

/** Descriptor 3 closes when the shim has its claim or ends without one. */
async function claimDecided(shim: ChildProcess): Promise<void> {
  const ready = shim.stdio[3];
  if (ready === null || ready === undefined) throw new TypeError("The shim was spawned without descriptor 3.");
  if ("closed" in ready && ready.closed) return;
  // A stuck shim must not claim later, when the caller has gone on to something else.
  const stuck = setTimeout(() => shim.kill("SIGKILL"), CLAIM_PATIENCE_MS);
  try {
    const closed = once(ready, "close");
    if ("resume" in ready) ready.resume();
    await closed;
  } finally {
    clearTimeout(stuck);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}

/** Shortages pass: of processes, memory, descriptors, disk. */
function isShortage(code: string): boolean {
  return ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "ENOSPC", "EDQUOT"].includes(code);
}
