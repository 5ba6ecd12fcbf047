import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { newRunId } from "../../domain/run-id.ts";
import type { Behaviour, EngineSetup } from "../conformance.ts";
import type { Engine, Handle, LearnerTask } from "../engine.ts";
import { createLocalEngine } from "./local-engine.ts";
import { NO_TRACKER, type ProcessTracker } from "./process-tracker.ts";
import { closingLines } from "./training-log.ts";

const NEVER = new AbortController().signal;
const BANNER = "Training with training/test data at:\n";

export interface LocalSetup extends EngineSetup {
  /** A learner with any command, in a directory of its own. */
  taskFor(command: string, change?: Partial<LearnerTask>): Promise<LearnerTask>;
  /** Starts a command and waits until its log has the line `ready`. */
  begin(engine: Engine, command: string): Promise<{ readonly task: LearnerTask; readonly handle: Handle }>;
}

/** Real processes in a directory that vanishes, with every learner stopped before. */
export async function localSetup(tracker: ProcessTracker = NO_TRACKER): Promise<LocalSetup> {
  const root = await mkdtemp(join(tmpdir(), "trainyard-local-"));
  const engines: Engine[] = [];
  const tasks: LearnerTask[] = [];
  const connect = () => {
    const engine = createLocalEngine({ clock: systemClock, tracker, deviceUse: async () => [] });
    engines.push(engine);
    return engine;
  };
  const taskFor = async (command: string, change: Partial<LearnerTask> = {}) => {
    const task = { ...newTask(command, await mkdtemp(join(root, "learner-"))), ...change };
    tasks.push(task);
    return task;
  };
  return {
    connect,
    taskFor,
    task: (behaviour) => taskFor(commandFor(behaviour), changeFor(behaviour)),
    executions: async (task) => (await readLog(task).catch(() => "")).split("ready\n").length - 1,
    begin: async (engine, command) => {
      const task = await taskFor(command);
      const handle = await engine.start(task, NEVER);
      await vi.waitUntil(async () => /^ready$/m.test(await readLog(task)), { timeout: 5_000, interval: 5 });
      return { task, handle };
    },
    [Symbol.asyncDispose]: async () => {
      const last = connect();
      for (const task of tasks) {
        // A claim that a test has left unfinished belongs to no process.
        const handle = await last.find(task.directory, task.attempt).catch(() => undefined);
        if (handle !== undefined) await last.stop(handle, 0);
      }
      for (const engine of engines) await engine.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function newTask(command: string, directory: string): LearnerTask {
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LEARNER_DIR: directory };
  return {
    runId: newRunId(),
    attempt: 1,
    learner: 1,
    directory,
    workingDirectory: directory,
    command,
    env,
    banner: BANNER,
  };
}

function commandFor(behaviour: Behaviour): string {
  switch (behaviour.kind) {
    case "exits":
      return `echo ready; exit ${behaviour.exitCode}`;
    case "runs":
      return `${behaviour.onStop === "ends" ? "" : "trap '' TERM; "}echo ready; exec sleep 1000`;
    case "vanishes":
      return "kill -KILL $PPID; echo ready";
    default:
      return "echo ready";
  }
}

function changeFor(behaviour: Behaviour): Partial<LearnerTask> {
  return behaviour.kind === "cannot_start" ? { workingDirectory: "/nowhere/at/all" } : {};
}

export async function readLog(task: LearnerTask): Promise<string> {
  return (await readFile(join(task.directory, "training-log.txt"))).toString("latin1");
}

/** The log without what the service put there: the banner, and the closing lines of a learner that ended with this code. */
export async function programOutput(task: LearnerTask, exitCode: number): Promise<string> {
  const log = await readLog(task);
  if (!log.startsWith(BANNER)) throw new Error(`The log does not begin with the banner: ${log}`);
  const closing = closingLines(exitCode);
  if (!log.endsWith(closing)) throw new Error(`The log does not end with the closing lines: ${log}`);
  return log.slice(BANNER.length, log.length - closing.length);
}
