import type { Run, RunOutcome } from "../../domain/run.ts";
import type { Ending, Engine, Handle, Observation } from "../../engines/engine.ts";
import { failed, outcomeOfExit, outcomeOfLackOfMemory, type FailureContext } from "../run/failures.ts";

/** The end of one learner, and when this process learned of it. */
export interface LearnerEnding {
  /** From 1. */
  readonly learner: number;
  readonly ending: Ending;
  readonly seenAt: Date;
}

/**
 * Waits until every learner has ended; gives the ends in the order in which they were noticed. As soon as one fails,
 * `onFailure` is called once, for the others would wait for a peer that is gone.
 */
export async function awaitEndings(
  engine: Pick<Engine, "waitForEnd">,
  handles: readonly Handle[],
  now: () => Date,
  onFailure: (learner: number) => void,
  signal: AbortSignal,
): Promise<LearnerEnding[]> {
  const noticed: LearnerEnding[] = [];
  let hasFailed = false;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const waits = handles.map(async (handle, index) => {
    const ending = await engine.waitForEnd(handle, either);
    noticed.push({ learner: index + 1, ending, seenAt: now() });
    if (!hasFailed && !isSuccess(ending)) {
      hasFailed = true;
      onFailure(index + 1);
    }
  });
  try {
    await Promise.all(waits);
    return noticed;
  } finally {
    // When one wait fails the caller comes again; the others must not stay and pile up.
    over.abort(new Error("The wait for another learner of the run failed."));
  }
}

/** Whether the outcome stands already: every learner has ended, or one of them not as a success. */
export function isDecided(observations: readonly Observation[]): boolean {
  const endings = observations.filter((observation) => observation.status !== "running");
  return endings.length === observations.length || endings.some((ending) => !isSuccess(ending));
}

/**
 * Canceled when the program was asked to stop before it had ended, which the wish itself says (`withStopRequest`) so that
 * no clock decides it. Completed only if every learner ended with 0; else the failure that came first, which the later
 * ones followed from. Of failures at the same moment the one that was noticed first, as `endings` are in that order.
 */
export function outcomeOfEndings(
  endings: readonly LearnerEnding[],
  run: Run,
  contextOf: (learner: number) => FailureContext,
): RunOutcome {
  const [first] = endings.filter(({ ending }) => !isSuccess(ending)).toSorted((a, b) => timeOf(a) - timeOf(b));
  if (run.stopRequestedAt !== null && run.stopGraceMs !== null) return { state: "canceled" };
  if (first === undefined) return { state: "completed" };
  const outcome = outcomeOf(first.ending, contextOf(first.learner));
  return endings.length === 1 || outcome.state !== "failed" ? outcome : nameLearner(outcome, first.learner);
}

function outcomeOf(ending: Ending, context: FailureContext): RunOutcome {
  if (ending.status === "exited" && ending.outOfMemory) return outcomeOfLackOfMemory(ending.exitCode, context);
  if (ending.status === "exited") return outcomeOfExit(ending.exitCode, ending.signal, context);
  return failed(
    context,
    "learner_lost",
    `The program vanished: ${ending.reason}.`,
    "Nobody saw how it ended, so it is not counted as a success. Submit it again.",
  );
}

function nameLearner(outcome: RunOutcome & { readonly state: "failed" }, learner: number): RunOutcome {
  const { failure } = outcome;
  return { state: "failed", failure: { ...failure, learner, message: `Learner ${learner}: ${failure.message}` } };
}

export function isSuccess(ending: Ending): boolean {
  return ending.status === "exited" && ending.exitCode === 0 && ending.signal === null;
}

function timeOf({ ending, seenAt }: LearnerEnding): number {
  return (ending.status === "exited" ? ending.endedAt : seenAt).getTime();
}
