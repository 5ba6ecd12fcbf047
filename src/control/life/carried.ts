import type { Clock } from "../../base/clock.ts";
import type { MachineTime } from "../../base/machine-time.ts";
import type { Run } from "../../domain/run.ts";
import type { Engine, Handle } from "../../engines/engine.ts";
import type { Companion } from "../run/companion.ts";
import type { FailureContext } from "../run/failures.ts";
import type { Delays } from "../run/delays.ts";
import type { RunBook } from "../run/run-book.ts";
import type { Preparation } from "../run/preparing.ts";
import type { RunRemains } from "../run/remains.ts";
import type { ServiceLog } from "../run/service-log.ts";

/** What this process knows of a run that it carries. */
export interface Carried {
  /** Aborted by a wish to stop. */
  readonly stop: AbortController;
  /** Aborted by a wish to stop that came while the results are stored: a bucket that stays away is not waited for. */
  readonly giveUp: AbortController;
  /** Aborted when this process carries the run no longer. */
  readonly over: AbortController;
  /** Whether a server before this one may have died while it stored the results. */
  readonly wasStoring: boolean;
  /** Of its learners, while they run. */
  handles: readonly Handle[];
}

/** What the steps of a run's life share. */
export interface StepParts {
  readonly book: RunBook;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly engine: Engine;
  readonly preparation: Preparation;
  readonly remains: RunRemains;
  readonly delays: Delays;
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
