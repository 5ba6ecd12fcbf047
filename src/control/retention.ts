import type { Clock } from "../base/clock.ts";
import { ServiceError } from "../domain/errors.ts";
import type { Store } from "../store/store.ts";
import { messageOf } from "./failures.ts";
import type { ServiceLog } from "./service-log.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const ROUND_MS = 60 * 60 * 1000;
const BATCH = 100;

export interface RetentionParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: ServiceLog;
  /** Days to keep a run after its end; null keeps it for ever. */
  readonly days: number | null;
  remove(id: string): Promise<void>;
}

/**
 * Forgets runs that ended long enough before `now`, and says how many. What has not ended is never touched; buckets
 * are never touched at all. A run that cannot be removed does not keep the others.
 */
export async function forgetOldRuns(parts: RetentionParts, now: Date, signal: AbortSignal): Promise<number> {
  if (parts.days === null) return 0;
  const limit = new Date(now.getTime() - parts.days * DAY_MS);
  let count = 0;
  for (;;) {
    const ids = await parts.store.listRunsEndedBefore(limit, BATCH);
    let forgotten = 0;
    for (const id of ids) {
      if (signal.aborted) return count;
      if (await forget(parts, id)) forgotten += 1;
    }
    count += forgotten;
    // A batch that stays whole would come again and again.
    if (ids.length < BATCH || forgotten === 0) return count;
  }
}

async function forget(parts: RetentionParts, id: string): Promise<boolean> {
  try {
    await parts.remove(id);
    return true;
  } catch (error) {
    // Somebody else was faster.
    if (error instanceof ServiceError && error.code === "run_not_found") return true;
    parts.log.error({ runId: id, error: messageOf(error) }, "an old run could not be removed");
    return false;
  }
}

/** The duty: one round at the start, then every hour, until aborted. A failed round is logged and the next one comes. */
export async function keepForgetting(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  const { clock, log, days } = parts;
  const startedAt = clock.now();
  const startedMs = clock.monotonicMs();
  while (!signal.aborted) {
    // A clock that is set forward makes no run older than this process has lived.
    const livedMs = startedAt.getTime() + (clock.monotonicMs() - startedMs);
    try {
      const count = await forgetOldRuns(parts, new Date(Math.min(clock.now().getTime(), livedMs)), signal);
      if (count > 0) log.info({ count, days }, "forgot runs that ended long ago");
    } catch (error) {
      log.error({ error: messageOf(error) }, "a round of retention failed");
    }
    // An aborted sleep is the way out of this loop, not a failure.
    await clock.sleep(ROUND_MS, signal).catch(() => undefined);
  }
}
