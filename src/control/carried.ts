import type { Clock } from "../base/clock.ts";
import type { MachineTime } from "../base/machine-time.ts";
import type { Run, RunOutcome } from "../domain/run.ts";
import type { Engine, Handle } from "../engines/engine.ts";
import type { Companion } from "./companion.ts";
import type { FailureContext } from "./failures.ts";
import type { Started } from "./all-or-none.ts";
import type { KeptResults } from "./result-keeper.ts";
import type { RunBook } from "./run-book.ts";
import type { ServiceLog } from "./service-log.ts";

/** What this process knows of a run that it carries. */
export interface Carried {
  /** Aborted by a wish to stop. */
  readonly stop: AbortController;
  /** Aborted when this process carries the run no longer. */
  readonly over: AbortController;
  /** Whether a server before this one may have died while it stored the results. */
  readonly wasStoring: boolean;
  /** Of its learners, while they run. */
  handles: readonly Handle[];
}

/** Brings a run's code, data and environment into place and starts its learners (preparation.ts). */
export interface Preparation {
  prepareAndStart(run: Run, signals: PreparationSignals): Promise<Started>;
}

export interface PreparationSignals {
  /** The user wants the run to end. */
  readonly stop: AbortSignal;
  /** The server ends; learners live on. */
  readonly shutdown: AbortSignal;
}

/** What a run leaves behind: its log on disk, its results in the bucket (run-remains.ts). */
export interface RunRemains {
  /** The last lines of a learner's training log, oldest first; empty when there is none. */
  logTail(run: Run, learner: number): Promise<readonly string[]>;
  /** Puts logs and results into the bucket, verified, marker last. May be repeated. */
  keep(run: Run, outcome: RunOutcome, wasCutOff: boolean, signal: AbortSignal): Promise<KeptResults>;
  /** A sentence about files that the program left where nobody stores them; null when there are none. */
  findLeftBehind(run: Run): Promise<string | null>;
  /** Frees the disk of what the run needed only while it lived. */
  tidyUp(run: Run, areResultsStored: boolean, leftBehind: boolean): Promise<void>;
  /** Ids of runs, live ones too, that have not been tidied up to the end. Left out: there are none. */
  listUntidied?(): AsyncIterable<string>;
  /** Where the run's own copy of its results is, for people. */
  resultsFolder(run: Run): string;
  /** Puts the logs of the attempt before this one where those of past attempts are. May be repeated, also when this attempt has begun. */
  setAsideLogs(run: Run): Promise<void>;
}

/** What the steps of a run's life share. */
export interface StepParts {
  readonly book: RunBook;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly engine: Engine;
  readonly preparation: Preparation;
  readonly remains: RunRemains;
  readonly companions: readonly Companion[];
  readonly machineTime: MachineTime;
  /** For the other learners of a run once one has failed. */
  readonly stopGraceMs: number;
  /** The pause before a run's second attempt. */
  readonly retryDelayMs: number;
  /** Called as soon as the run holds no device any more. */
  onDevicesFree(runId: string): void;
  /** Called when nothing ends what keeps the run on its devices: `who` is the middle of a sentence, null where nobody knows. */
  onDevicesWithheld(runId: string, who: string | null): void;
  /** Called when the run waits again, for its next attempt, and is carried no longer. */
  onWaiting(run: Run): void;
}

export function failureContext(run: Run, logTail: readonly string[]): FailureContext {
  return { phase: run.state, attempt: run.attempt, logTail };
}
