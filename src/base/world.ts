/**
 * The one seam through which everything passes that changes the world outside this process: files, processes, requests,
 * commits. In production it is a comparison with null. A test installs a gate that is asked before each step and may
 * end the process there, throw what the system would have thrown, or let only the beginning of a write through.
 *
 *   world-files.ts      what `node:fs` offers to change files
 *   world-processes.ts  spawn and kill
 *   announce()          for steps that a library takes: a commit of the database, a request to a data store, the answer
 *                       that acknowledges what a caller asked for
 */
export type StepKind =
  | "write"
  | "sync"
  | "make"
  | "rename"
  | "link"
  | "remove"
  | "change"
  | "spawn"
  | "kill"
  | "request"
  | "commit"
  | "answer";

export interface Step {
  readonly kind: StepKind;
  /** The path, the program or the request; for people who read which step was reached. */
  readonly subject: string;
}

/** Only the first `bytes` of a write reach the disk; `afterwards` is called then, to end the process or to throw. */
export interface Torn {
  readonly bytes: number;
  afterwards(): void;
}

export type Gate = (step: Step) => Torn | undefined;

let installed: Gate | null = null;

/** Asks the gate before every step from now on, until disposed. There is one at a time. */
export function guardWorld(gate: Gate): Disposable {
  if (installed !== null) throw new Error("The world is guarded already.");
  installed = gate;
  return {
    [Symbol.dispose]: () => {
      installed = null;
    },
  };
}

/** Called right before the step is taken. What it throws is thrown in place of the step. */
export function announce(kind: StepKind, subject: string): Torn | undefined {
  return installed === null ? undefined : installed({ kind, subject });
}
