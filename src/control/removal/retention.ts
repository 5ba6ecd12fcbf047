import type { Clock } from "../../base/clock.ts";
import { ServiceError } from "../../domain/errors.ts";
import type { Run } from "../../domain/run.ts";
import type { Store } from "../../store/store.ts";
import { messageOf } from "../run/failures.ts";
import { DAY_MS, decideRetention, type RetentionRules } from "./retention-decision.ts";
import type { ServiceLog } from "../run/service-log.ts";
import type { TrustedTime } from "./trusted-time.ts";

const HOUR_MS = 60 * 60 * 1000;
/** Nobody waits for a minute of some days, but who deleted something to free the disk waits for the end of the undo window. */
const UNDO_ROUND_MS = 60_000;
const BATCH = 100;

export interface RetentionParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly rules: RetentionRules;
  /** Whether the run directory has results that no bucket has. */
  holdsOnlyCopy(run: Run): Promise<boolean>;
  /** Removes the run for good, unless it was changed since it was read. */
  remove(run: Run): Promise<void>;
}

/**
 * Forgets runs that ended, or were deleted, long enough before `now`, and says how many. Buckets are never touched.
 * A run that cannot be removed does not keep the others.
 */
export async function forgetOldRuns(parts: RetentionParts, now: Date, signal: AbortSignal): Promise<number> {
  const { store, rules } = parts;
  const { days, undoMs } = rules;
  const deletedBy = before(now, undoMs);
  let count = await forgetAll(parts, (skip) => store.listRunsDeletedBefore(deletedBy, BATCH, skip), now, signal);
  if (days !== null) {
    const endedBy = before(now, days * DAY_MS);
    count += await forgetAll(parts, (skip) => store.listRunsEndedBefore(endedBy, BATCH, skip), now, signal);
  }
  return count;
}

/** One millisecond later than the limit, for the lists end before their time. */
function before(now: Date, ms: number): Date {
  return new Date(now.getTime() - ms + 1);
}

async function forgetAll(
  parts: RetentionParts,
  list: (skip: number) => Promise<readonly string[]>,
  now: Date,
  signal: AbortSignal,
): Promise<number> {
  let forgotten = 0;
  // Those that stay are the first of the next batch too.
  let kept = 0;
  for (;;) {
    const ids = await list(kept);
    for (const id of ids) {
      if (signal.aborted) return forgotten;
      if (await forget(parts, id, now)) forgotten += 1;
      else kept += 1;
    }
    if (ids.length < BATCH) return forgotten;
  }
}

async function forget(parts: RetentionParts, id: string, now: Date): Promise<boolean> {
  try {
    const run = await parts.store.findRun(id);
    if (run === undefined) return true;
    const decision = decideRetention(run, parts.rules, now, await parts.holdsOnlyCopy(run));
    if (decision.verdict === "keep") return false;
    await parts.remove(run);
    return true;
  } catch (error) {
    // Somebody else was faster.
    if (error instanceof ServiceError && error.code === "run_not_found") return true;
    parts.log.error({ runId: id, error: messageOf(error) }, "an old run could not be removed");
    return false;
  }
}

interface DutyParts extends RetentionParts {
  readonly time: Pick<TrustedTime, "now" | "save">;
}

/** The duty: one round at the start, then every hour or minute, until aborted. A failed round is logged and the next one comes. */
export async function keepForgetting(parts: DutyParts, signal: AbortSignal): Promise<void> {
  const { clock, log, rules, time } = parts;
  const roundMs = rules.undoMs === 0 ? HOUR_MS : UNDO_ROUND_MS;
  let savedMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      const now = time.now();
      if (clock.monotonicMs() - savedMs >= HOUR_MS) {
        savedMs = clock.monotonicMs();
        await awaitMark(time.save(), log);
      }
      const count = await forgetOldRuns(parts, now, signal);
      if (count > 0) log.info({ count, days: rules.days }, "forgot runs that were deleted or ended long ago");
    } catch (error) {
      log.error({ error: messageOf(error) }, "a round of retention failed");
    }
    // An aborted sleep is the way out of this loop, not a failure.
    await clock.sleep(roundMs, signal).catch(() => undefined);
  }
}

/** A full disk is no reason not to forget: that is what frees it. */
export async function awaitMark(mark: Promise<void>, log: ServiceLog): Promise<void> {
  await mark.catch((error: unknown) =>
    log.warn({ error: messageOf(error) }, "the time could not be noted for the next start"),
  );
}
