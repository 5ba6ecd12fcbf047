import { hasEnded } from "../contract/run-states.ts";
import type { RunStateName, RunView } from "../contract/run.ts";
import { commandLine, say, type Context } from "./context.ts";
import { formatSpan } from "./output/age.ts";
import { logTailLines } from "./output/log-tail.ts";
import { printable } from "./output/printable.ts";

/** What a command that waits for a run ends with. */
export const OUTCOME_CODES: Record<RunStateName, number> = {
  pending: 101,
  downloading: 101,
  running: 101,
  storing: 101,
  completed: 0,
  failed: 100,
  canceled: 103,
};

/**
 * Tells how a run ended: its results, or why and what to do. `printedLearner` is the learner whose log stands above
 * already; null for none.
 */
export async function sayOutcome(context: Context, run: RunView, printedLearner: number | null): Promise<void> {
  const took =
    run.endedAt === null ? "" : ` after ${formatSpan(Date.parse(run.endedAt) - Date.parse(run.submittedAt))}`;
  const place = `bucket '${printable(run.results.bucket)}', folder '${printable(run.results.folder)}'`;
  if (run.failure === null) {
    await say(context, `Run ${run.id} ${run.state}${took}. Results: ${place}.`);
    return;
  }
  await say(context, `Run ${run.id} failed${took}: ${printable(run.failure.message)}`);
  // Without an exit code it is not a program's log: what built its environment says there why it could not.
  const isPrinted = run.failure.exitCode !== null && printedLearner === (run.failure.learner ?? 1);
  for (const line of isPrinted ? [] : logTailLines(run.failure)) await say(context, line);
  if (run.failure.hint !== "") await say(context, `hint: ${printable(run.failure.hint)}`);
  await say(context, `More: ${commandLine(context, `show ${run.id}`)}`);
}

const PREPARING = "The code, the environment and the data are being put in place; an environment may have to be built.";

/** One line about what a run does now, for someone who waits for it. */
export function describeProgress(run: RunView): string {
  if (run.waiting !== null) return `${run.state}: ${printable(run.waiting.reason)} (position ${run.waiting.position})`;
  if (run.delayed !== null && !hasEnded(run)) return `${run.state}: ${printable(run.delayed.reason)}`;
  if (run.state === "downloading") return `${run.state}: ${PREPARING}`;
  return run.state;
}
