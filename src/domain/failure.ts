import type { RunState } from "./run-state.ts";

/** Whose turn it is after a failure. */
export type Turn = "program" | "data" | "place" | "rules" | "service";

/**
 * Why a run failed: the closed list. The text is what `docs/reference/states.md` says; a test compares them.
 * A code is never reused for something else.
 */
export const CAUSES = {
  program_exit: { turn: "program", summary: "The program ended with an exit code other than 0." },
  program_signal: {
    turn: "program",
    summary: "The program was ended by a signal (exit code 128 + number of the signal).",
  },
  command_not_found: { turn: "program", summary: "The shell did not find the command (exit code 127)." },
  command_not_executable: {
    turn: "program",
    summary: "The command was found but could not be executed (exit code 126).",
  },
  out_of_memory: {
    turn: "program",
    summary: "The program failed after the kernel had ended one of its processes, since memory ran out.",
  },
  data_missing: { turn: "data", summary: "The bucket with the training data does not exist or is empty." },
  data_denied: { turn: "data", summary: "The data store refused the credentials for the training data." },
  data_unreachable: { turn: "data", summary: "The data store of the training data did not answer." },
  data_unusable: { turn: "data", summary: "An object in the training data cannot be brought to a file." },
  disk_full: { turn: "place", summary: "The disk under the service's home is full." },
  environment_missing: { turn: "place", summary: "The environment that the run was accepted for is gone." },
  environment_not_built: { turn: "place", summary: "The environment that the run asks for could not be built." },
  start_failed: { turn: "place", summary: "The engine could not start the program." },
  time_limit: { turn: "rules", summary: "The program ran longer than its time limit and was stopped." },
  learner_lost: { turn: "place", summary: "The program vanished without leaving a record of its end." },
  results_not_stored: {
    turn: "data",
    summary: "The program ended, but its results could not be put into the results bucket.",
  },
  service_bug: { turn: "service", summary: "The service itself made a mistake; the message says where." },
} as const satisfies Record<string, { readonly turn: Turn; readonly summary: string }>;

export type Cause = keyof typeof CAUSES;

/** A run's failure is data, not an exception. */
export interface RunFailure {
  readonly cause: Cause;
  /** The state in which it happened. */
  readonly phase: RunState;
  readonly attempt: number;
  /** The learner that failed first, from 1; null where the run has one learner or none was started. */
  readonly learner: number | null;
  /** As the shell saw it: 128 + n may be signal n or the program's own choice; `message` names the likely one. */
  readonly exitCode: number | null;
  /** Only where the kernel or the engine reported a signal; a shell's record cannot. */
  readonly signal: string | null;
  /** One sentence that names the thing and its value. */
  readonly message: string;
  /** What to do next. */
  readonly hint: string;
  /** The last lines of the training log, oldest first; empty when the program never started. */
  readonly logTail: readonly string[];
}
