import type { Run, RunOutcome } from "../../domain/run.ts";
import { failureContext, type Carried, type StepParts } from "./carried.ts";
import { conclude } from "../run/companion.ts";
import { failed, messageOf } from "../run/failures.ts";
import { keepPatiently, type KeepingParts } from "../results/patient-keeping.ts";
import { keptHere, notStored } from "../results/unstored-results.ts";

/** Puts logs and results into the bucket → completed | failed | canceled. */
export async function store(
  parts: StepParts & KeepingParts,
  run: Run,
  carried: Carried,
  shutdown: AbortSignal,
): Promise<void> {
  const { book, remains, log } = parts;
  const { outcome } = run;
  if (outcome === null) throw new Error(`Run '${run.id}' is storing without an outcome.`);
  const concluded = await conclude(parts.companions, run, shutdown, log);
  // A definition that cannot be read again is no reason to hold up the end of the run.
  const leftBehind = await remains.findLeftBehind(run).catch(() => null);
  const noticed = [...run.warnings, ...concluded];
  // Copies that were made while the program ran may have been cut off as well.
  const mayHaveRemains = carried.wasStoring || run.spec.resultsSyncMs !== null;
  const kept = await keepPatiently(parts, run, outcome, mayHaveRemains, shutdown, carried.giveUp.signal);
  if (kept.isStored) {
    const { stored } = kept;
    const failure = outcome.state === "failed" ? outcome.failure : null;
    const warnings = [...noticed, ...kept.warnings, ...(leftBehind === null ? [] : [leftBehind])];
    const change = { results: stored, failure, warnings };
    await book.advance(run.id, outcome.state, change, `Ended as ${outcome.state}; ${stored.objects} objects stored.`);
  } else {
    await endWithoutResults(parts, run, outcome, noticed, kept.reason);
  }
  await remains
    .tidyUp(run, kept.isStored && (kept.unreadFiles ?? 0) === 0, leftBehind !== null)
    .catch((error: unknown) =>
      log.error({ runId: run.id, error: messageOf(error) }, "a run's folders could not be tidied up"),
    );
}

/** The bucket did not take the results: they stay in the run directory, and the run says where. */
async function endWithoutResults(
  { book, remains }: StepParts,
  run: Run,
  outcome: RunOutcome,
  noticed: readonly string[],
  reason: string,
): Promise<void> {
  const folder = remains.resultsFolder(run);
  const message = notStored(run, reason);
  if (outcome.state !== "completed") {
    const failure = outcome.state === "failed" ? outcome.failure : null;
    const warnings = [...noticed, `${message} ${keptHere(run, folder)}`];
    await book.advance(run.id, outcome.state, { failure, warnings }, message);
    return;
  }
  const { failure } = failed(
    failureContext(run, await remains.logTail(run, 1)),
    "results_not_stored",
    message,
    `The program itself completed. ${keptHere(run, folder)}`,
    0,
  );
  await book.advance(run.id, "failed", { failure, warnings: noticed }, message);
}
