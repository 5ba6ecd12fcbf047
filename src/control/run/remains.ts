import type { Run, RunOutcome, StoredResults } from "../../domain/run.ts";

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

export interface KeptResults {
  readonly stored: StoredResults;
  readonly warnings: readonly string[];
  /** How many files were there and could not be read, so that the local copy is worth keeping. Left out: none. */
  readonly unreadFiles?: number;
}
