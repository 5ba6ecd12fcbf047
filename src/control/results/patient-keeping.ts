import { backoffDelayMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { RemoteError } from "../../datastores/remote-error.ts";
import { amend, type Run, type RunOutcome } from "../../domain/run.ts";
import type { RunRemains } from "../run/remains.ts";
import { isPassingTrouble, messageOf } from "../run/failures.ts";
import type { KeptResults } from "../run/remains.ts";
import type { Delays } from "../run/delays.ts";
import type { RunBook } from "../run/run-book.ts";
import type { ServiceLog } from "../run/service-log.ts";

/** Between tries to store everything; each single request has tries of its own before. */
const PAUSES = { attempts: Infinity, firstDelayMs: 2_000, maxDelayMs: 60_000 };

/** How long a bucket may stay away unless the configuration says otherwise. */
const DEFAULT_GIVE_UP_MS = 60 * 60 * 1000;

export interface KeepingParts {
  readonly book: RunBook;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly remains: Pick<RunRemains, "keep">;
  /** Told while the bucket stays away. */
  readonly delays: Delays;
  /** How long a bucket may stay away before its results are left on the server. */
  readonly resultsGiveUpMs?: number;
}

export type Keeping =
  | ({ readonly isStored: true } & KeptResults)
  | { readonly isStored: false; readonly reason: string };

/**
 * Puts a run's results into its bucket, and tries again while the store does not answer or has trouble of its own. What
 * nobody but the user can mend, such as credentials, ends it at once. Rejects with passing trouble of our own, and on
 * abort; then it may be called again and sends only what is missing. `giveUp` ends the patience and not the first try: a
 * bucket that answers gets everything.
 */
export async function keepPatiently(
  parts: KeepingParts,
  run: Run,
  outcome: RunOutcome,
  wasCutOff: boolean,
  signal: AbortSignal,
  giveUp?: AbortSignal,
): Promise<Keeping> {
  try {
    return await insistOnKeeping(parts, run, outcome, wasCutOff, signal, giveUp);
  } finally {
    parts.delays.end(run.id);
  }
}

async function insistOnKeeping(
  parts: KeepingParts,
  run: Run,
  outcome: RunOutcome,
  wasCutOff: boolean,
  signal: AbortSignal,
  giveUp = new AbortController().signal,
): Promise<Keeping> {
  const { clock, log, remains } = parts;
  const either = AbortSignal.any([signal, giveUp]);
  let lastReason = "";
  // Of a program that never started there is nothing to lose but the reason why, and that the run tells by itself.
  const patienceMs = run.startedAt === null ? 0 : (parts.resultsGiveUpMs ?? DEFAULT_GIVE_UP_MS);
  const startedMs = clock.monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return {
        isStored: true,
        ...(await remains.keep(run, outcome, wasCutOff || attempt > 1, attempt > 1 ? either : signal)),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (attempt > 1 && giveUp.aborted) return givenUp(lastReason);
      if (isPassingTrouble(error)) throw error;
      const reason = messageOf(error);
      const spentMs = clock.monotonicMs() - startedMs;
      const mayPass = error instanceof RemoteError && error.retryable;
      if (!mayPass || spentMs >= patienceMs) {
        log.error({ runId: run.id, attempt, error: reason }, "a run's results could not be stored");
        return { isStored: false, reason };
      }
      if (giveUp.aborted) return givenUp(reason);
      lastReason = reason;
      await tellDelay(parts, run, reason, attempt);
      const pauseMs = Math.min(backoffDelayMs(PAUSES, attempt), patienceMs - spentMs);
      await clock.sleep(pauseMs, either).catch((cause: unknown) => {
        signal.throwIfAborted();
        if (!giveUp.aborted) throw cause;
      });
      if (giveUp.aborted) return givenUp(reason);
    }
  }
}

function givenUp(reason: string): Keeping {
  return { isStored: false, reason: `${reason} A request to stop ended the wait for it.` };
}

/** In the run's story once. */
async function tellDelay({ book, delays }: KeepingParts, run: Run, reason: string, attempt: number): Promise<void> {
  const message = `The results bucket does not take the results now, and is tried again: ${reason}`;
  delays.tell(run.id, message);
  if (attempt > 1) return;
  await book.update(run.id, (latest, now) => ({
    run: amend(latest, now, {}),
    events: [{ type: "results_delayed", message }],
  }));
}
