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
  /** UUIDs of the NVIDIA GPUs granted to it: nobody else gets them before the driver knows of no process of it there. None when left out. */
  readonly gpus?: readonly string[];
}

export type Observation =
  | { readonly status: "running" }
  /** `exitCode` as the shell saw it. `signal` only where the engine knows better than the shell. */
  | {
      readonly status: "exited";
      readonly exitCode: number;
      readonly signal: string | null;
      readonly endedAt: Date;
      /** The program failed and the kernel had ended a process of it since memory ran out. True only where the engine knows; `observe` knows it after `waitForEnd`. */
      readonly outOfMemory: boolean;
    }
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
  /** By what means the engine keeps the learner's processes together, for people. */
  trackingOf(handle: Handle): string;
  /**
   * Resolves when the learner has ended, nothing of it is left and its devices are free, without polling where the engine can be woken.
   * Rejects with a retryable `EngineError` that names who stays, or holds a device, when that does not end. Aborting leaves the learner alone.
   */
  waitForEnd(handle: Handle, signal: AbortSignal): Promise<Ending>;
  /** Asks politely, then insists after `graceMs`. Resolves and rejects as `waitForEnd` does. May be called again. */
  stop(handle: Handle, graceMs: number): Promise<void>;
  /** Lets go of watchers, timers and stops under way, which reject. Learners live on. */
  close(): Promise<void>;
}
