/** Opaque to everyone but the engine that made it; must survive JSON. */
export type Handle = Readonly<Record<string, string | number>>;

/** One learner to start. All paths are absolute and exist. */
export interface LearnerTask {
  readonly runId: string;
  readonly attempt: number;
  /** From 1. */
  readonly learner: number;
  /** Holds the engine's records and `training-log.txt` of this learner. */
  readonly directory: string;
  /** Where the command runs. */
  readonly workingDirectory: string;
  /** For bash, already on one line. */
  readonly command: string;
  /** The whole environment; nothing of the service's own comes through beside it. */
  readonly env: Readonly<Record<string, string>>;
  /** Written to the log before the program starts, byte for byte. */
  readonly banner: string;
}

export type Observation =
  | { readonly status: "running" }
  /** `exitCode` as the shell saw it. `signal` only where the engine knows better than the shell. */
  | { readonly status: "exited"; readonly exitCode: number; readonly signal: string | null; readonly endedAt: Date }
  /** The engine can no longer know what happened. Never reported as success. */
  | { readonly status: "lost"; readonly reason: string };

export type Ending = Exclude<Observation, { readonly status: "running" }>;

/**
 * Runs learners somewhere. Every method may be repeated with the same arguments
 * after a crash of the service and must then find the learner it started before
 * instead of starting a second one.
 */
export interface Engine {
  readonly name: string;
  /** Resolves once the learner's shim holds its claim. The same task again gives the same handle. */
  start(task: LearnerTask, signal: AbortSignal): Promise<Handle>;
  /** The learner that an earlier `start` of this attempt left in the directory; undefined when none was started. */
  find(directory: string, attempt: number): Promise<Handle | undefined>;
  /** What is known now. May be called at any time, also long after the end. */
  observe(handle: Handle): Promise<Observation>;
  /** Resolves when the learner has ended, without polling where the engine can be woken. Aborting leaves the learner alone. */
  waitForEnd(handle: Handle, signal: AbortSignal): Promise<Ending>;
  /** Asks politely, then insists after `graceMs`. Resolves when nothing of the learner is left. May be called again. */
  stop(handle: Handle, graceMs: number): Promise<void>;
  /** Lets go of watchers and timers. Learners live on. */
  close(): Promise<void>;
}
