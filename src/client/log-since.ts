import type { Client } from "./client.ts";

export interface SinceWish {
  readonly time: Date;
  readonly learner?: number | undefined;
  readonly attempt?: number | undefined;
  readonly signal?: AbortSignal;
}

export interface LogSince {
  /** Of the first byte of a line before which all was seen earlier than the time; the log's end where all of it was. */
  readonly offset: number;
  /** Since when the service knows when something was seen; null where it does not know of anything. */
  readonly timesFrom: string | null;
}

/** From which byte on a log was seen at a time or later. */
export async function findLogSince(
  client: Client,
  id: string,
  { time, learner, attempt, signal }: SinceWish,
): Promise<LogSince> {
  const query = { time: time.toISOString(), count: 1, learner, attempt };
  const answer = await client.call("readLogRows", { params: { id }, query, ...(signal && { signal }) });
  return { offset: answer.rows[0]?.offset ?? answer.sizeBytes, timesFrom: answer.timesFrom };
}
