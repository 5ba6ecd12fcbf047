import type { Device } from "./device.ts";
import { illegalTransition } from "./errors.ts";
import type { RunFailure } from "./failure.ts";
import { canAdvance, isTerminal, type RunState } from "./run-state.ts";
import type { TrainingSpec } from "./training-spec.ts";

/** How a run will end once its results are kept; decided when it leaves `downloading` or `running`. */
export type RunOutcome =
  | { readonly state: "completed" }
  | { readonly state: "failed"; readonly failure: RunFailure }
  | { readonly state: "canceled" };

/** Where the results of a run are, or why they are not there. */
export interface StoredResults {
  /** Objects and bytes in the run's folder of the bucket. */
  readonly objects: number;
  readonly sizeBytes: number;
  readonly storedAt: Date;
}

/** An attempt that was thrown away, and why there was another one after it. */
export interface PastAttempt {
  readonly attempt: number;
  /** When its program started; null when it never did. */
  readonly startedAt: Date | null;
  readonly endedAt: Date;
  readonly failure: RunFailure;
}

/** How the training data came. */
export interface StagedData {
  readonly objects: number;
  readonly sizeBytes: number;
  /** How many of the objects, and of the bytes, were in the cache already. */
  readonly cachedObjects: number;
  readonly cachedBytes: number;
  readonly durationMs: number;
  /** By what means DATA_DIR shows the data without being able to change it, for people. */
  readonly view: string;
}

/** A point in time on the machine's own clock, which no change of the wall clock moves. */
export interface MomentOfBoot {
  /** Which start of the machine; empty where it cannot be told. */
  readonly bootId: string;
  /** Milliseconds since that start. */
  readonly uptimeMs: number;
}

/** A program that was found to have run for longer than it may. */
export interface LimitReached {
  readonly at: Date;
  readonly limitMs: number;
  /** How long it had run by then, by the machine's own clock. */
  readonly ranMs: number;
}

export interface Run {
  readonly id: string;
  /** Account that submitted it. */
  readonly owner: string;
  readonly spec: TrainingSpec;
  /** SHA-256 of the model definition ZIP, lower-case hex. */
  readonly definitionSha256: string;
  readonly definitionSizeBytes: number;
  readonly state: RunState;
  /** Starts at 1; grows each time the run goes back to `pending`. */
  readonly attempt: number;
  /** Grows by one with every write; the store refuses a write with a stale one. */
  readonly version: number;
  readonly submittedAt: Date;
  /** When the program of this attempt started; null until then. */
  readonly startedAt: Date | null;
  /** Set once, with the terminal state. */
  readonly endedAt: Date | null;
  readonly changedAt: Date;
  /** Set by the first wish to stop and never taken back. */
  readonly stopRequestedAt: Date | null;
  /** How long the program may go on after the polite request; null also when it had ended before the wish to stop came. */
  readonly stopGraceMs: number | null;
  /** Ids of the devices granted to this attempt; empty while it waits and after its end. */
  readonly devices: readonly string[];
  /** Which environment the program runs in, for people; null until it was chosen. */
  readonly environment: string | null;
  /** The engine's JSON handle of each learner of this attempt, in order; empty until started. */
  readonly handles: readonly Readonly<Record<string, string | number>>[];
  /** Set when the run enters `storing`. */
  readonly outcome: RunOutcome | null;
  /** Set when the run ended as failed. */
  readonly failure: RunFailure | null;
  readonly results: StoredResults | null;
  /** Oldest first; empty while the first attempt is the only one. */
  readonly pastAttempts: readonly PastAttempt[];
  /** Set when the data of this attempt is in place; null before, and for a run without training data. */
  readonly staged: StagedData | null;
  /** Set by the wish to delete an ended run and taken back by undoing it; lists leave the run out while it is set. */
  readonly deletedAt: Date | null;
  /** What its devices are, decided at submission; null: a run of an earlier version, for which the machine decides. */
  readonly deviceKind: Device["kind"] | null;
  /** When the program of this attempt was found to be running; null until then. What its time limit is counted from. */
  readonly startedOnBoot: MomentOfBoot | null;
  /** Set before the program of this attempt is asked to end for its time limit; never taken back within the attempt. */
  readonly limitReached: LimitReached | null;
  /** While it waits for another attempt: when that may start at the earliest. Null: at once. */
  readonly notBefore: Date | null;
  /** Sentences about things that were odd but no reason to fail. */
  readonly warnings: readonly string[];
}

/** What may change with a transition; everything else follows from the rules. */
export type RunChange = Partial<
  Pick<
    Run,
    | "startedAt"
    | "stopRequestedAt"
    | "stopGraceMs"
    | "devices"
    | "environment"
    | "handles"
    | "outcome"
    | "failure"
    | "results"
    | "pastAttempts"
    | "staged"
    | "deletedAt"
    | "startedOnBoot"
    | "limitReached"
    | "notBefore"
    | "warnings"
  >
>;

/** What a submission says about its run. */
export type Submitted = Pick<
  Run,
  "id" | "owner" | "spec" | "definitionSha256" | "definitionSizeBytes" | "submittedAt" | "warnings"
> &
  Partial<Pick<Run, "deviceKind">>;

/** The run as it enters the queue, where everything else has yet to happen. */
export function newRun(submitted: Submitted): Run {
  return {
    deviceKind: null,
    ...submitted,
    state: "pending",
    attempt: 1,
    version: 1,
    startedAt: null,
    endedAt: null,
    changedAt: submitted.submittedAt,
    stopRequestedAt: null,
    stopGraceMs: null,
    devices: [],
    environment: null,
    handles: [],
    outcome: null,
    failure: null,
    results: null,
    pastAttempts: [],
    staged: null,
    deletedAt: null,
    startedOnBoot: null,
    limitReached: null,
    notBefore: null,
  };
}

/** The run after the transition. Pure: saving it is the caller's business. */
export function advance(run: Run, to: RunState, now: Date, change: RunChange = {}): Run {
  if (!canAdvance(run.state, to)) throw illegalTransition(run.id, run.state, to);
  const next = { ...run, ...change, state: to, version: run.version + 1, changedAt: now };
  if (to === "pending") {
    return {
      ...next,
      attempt: run.attempt + 1,
      startedAt: null,
      devices: [],
      handles: [],
      outcome: null,
      staged: null,
      startedOnBoot: null,
      limitReached: null,
    };
  }
  if (run.state === "pending") return { ...endIfTerminal(next, to, now), notBefore: null };
  return endIfTerminal(next, to, now);
}

function endIfTerminal(next: Run, to: RunState, now: Date): Run {
  return isTerminal(to) ? { ...next, endedAt: now, devices: [], handles: [] } : next;
}

/** The run with other fields, in the same state. Pure, like `advance`. */
export function amend(run: Run, now: Date, change: RunChange): Run {
  return { ...run, ...change, version: run.version + 1, changedAt: now };
}
