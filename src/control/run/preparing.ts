import type { Run, StagedData } from "../../domain/run.ts";
import type { Handle } from "../../engines/engine.ts";

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

export interface Started {
  /** One for each learner, in order. */
  readonly handles: readonly Handle[];
  /** When they were started, as their logs begin with it; of those that run already, when they were found. */
  readonly startedAt: Date;
  /** For people; null where a server before this one started them and the environment is no longer there. */
  readonly environment: string | null;
  /** How the training data came, and what was odd about it; left out where there is none. */
  readonly staged?: StagedData;
  readonly noticed?: readonly string[];
}
