import { formatDuration } from "../../base/duration.ts";
import { advance, type PastAttempt, type Run, type RunOutcome } from "../../domain/run.ts";
import type { StepParts } from "./carried.ts";
import { decideRetry, type Retry } from "../queue/retry-decision.ts";
import type { RunUpdate } from "../run/run-book.ts";

/** From `downloading` or `running` on to `storing`, or back to `pending` for another attempt; the devices are free from here. */
export async function endAttempt(parts: StepParts, run: Run, outcome: RunOutcome): Promise<void> {
  // Decided on the run as it is in that moment: a wish to stop that comes in between rules out another attempt.
  await parts.book.update(run.id, (latest, now) => afterAttempt(latest, outcome, parts.retryDelayMs, now));
  parts.onDevicesFree(run.id);
}

function afterAttempt(run: Run, outcome: RunOutcome, retryDelayMs: number, now: Date): RunUpdate {
  const retry = decideRetry(run, outcome, retryDelayMs);
  if (retry !== null) return backToQueue(run, retry, now);
  const what = outcome.state === "failed" ? outcome.failure.message : `It will end as ${outcome.state}.`;
  const message = `Storing logs and results. ${what}`;
  return { run: advance(run, "storing", now, { outcome, devices: [] }), events: [{ type: "state", message }] };
}

function backToQueue(run: Run, { failure, pauseMs }: Retry, now: Date): RunUpdate {
  const past: PastAttempt = { attempt: run.attempt, startedAt: run.startedAt, endedAt: now, failure };
  const pastAttempts = [...run.pastAttempts, past];
  const notBefore = new Date(now.getTime() + pauseMs);
  const left = run.spec.retries - pastAttempts.length;
  const message =
    `Attempt ${run.attempt} failed (${failure.cause}). ${failure.message} Attempt ${run.attempt + 1} follows after a ` +
    `pause of ${formatDuration(pauseMs)}; ${left} more ${left === 1 ? "retry is" : "retries are"} left after that.`;
  return {
    run: advance(run, "pending", now, { pastAttempts, notBefore }),
    events: [{ type: "state", message }],
  };
}
