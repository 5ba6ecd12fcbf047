import type { Clock } from "../base/clock.ts";
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

/** Forgets runs that ended long enough ago. What has not ended is never touched; buckets are never touched at all. */
export async function forgetOldRuns(parts: RetentionParts): Promise<number> {
  if (parts.days === null) return 0;
  const limit = new Date(parts.clock.now().getTime() - parts.days * DAY_MS);
  let count = 0;
  for (;;) {
    const ids = await parts.store.listRunsEndedBefore(limit, BATCH);
    for (const id of ids) await parts.remove(id);
    count += ids.length;
    if (ids.length < BATCH) return count;
  }
}

/** The duty: one round at the start, then every hour, until aborted. A failed round is logged and the next one comes. */
export async function keepForgetting(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const count = await forgetOldRuns(parts);
      if (count > 0) parts.log.info({ count, days: parts.days }, "forgot runs that ended long ago");
    } catch (error) {
      parts.log.error({ error: messageOf(error) }, "a round of retention failed");
    }
    // An aborted sleep is the way out of this loop, not a failure.
    await parts.clock.sleep(ROUND_MS, signal).catch(() => undefined);
  }
}
