import { parseDuration } from "../base/duration.ts";
import type { Client } from "../client/client.ts";
import { findLogSince } from "../client/log-since.ts";
import { wrongUse } from "./cli-error.ts";
import { say, type Context } from "./context.ts";

/** Where a log goes on, in bytes, with what was seen at a time or later; `text` is a time, or how long ago it was. */
export async function sinceOffset(
  context: Context,
  client: Client,
  id: string,
  text: string,
  where: { readonly learner: number; readonly attempt?: number | undefined; readonly signal: AbortSignal },
): Promise<number> {
  const time = readTime(text);
  const { offset, timesFrom } = await findLogSince(client, id, { time, ...where });
  if (timesFrom === null) {
    await say(context, "When this log was seen is not known; all of it is printed.");
    return 0;
  }
  return offset;
}

/** Of what a `Date` reads, only what begins with year, month and day: it takes a 5 for the year 2001. */
const TIME = /^\d{4}-\d{2}-\d{2}/;

function readTime(text: string): Date {
  if (/^\d+$/.test(text)) throw wrongUse(`'${text}' has no unit.`, `Say of what: ${text}s, ${text}m or ${text}h.`);
  const agoMs = parseDuration(text);
  const time = agoMs === null ? new Date(TIME.test(text) ? text : Number.NaN) : new Date(Date.now() - agoMs);
  if (Number.isNaN(time.getTime())) {
    throw wrongUse(
      `'${text}' is no time.`,
      "Write how long ago, like 90s, 10m or 2h, or a time like 2026-01-31T12:00Z.",
    );
  }
  return time;
}
