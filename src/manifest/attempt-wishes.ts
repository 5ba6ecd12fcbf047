import { printDuration } from "../base/duration.ts";
import type { TrainingSpec } from "../domain/training-spec.ts";
import { withoutNulls } from "./conversion.ts";
import { readDuration, type DurationRule } from "./duration-value.ts";
import type { Field, Places } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

const DAY_MS = 86_400_000;

const TIME_LIMIT_RULE: DurationRule = { min: 1000, max: 365 * DAY_MS };
const SYNC_RULE: DurationRule = { min: 10_000, max: DAY_MS };

const MAX_RETRIES = 10;

/** The fields by which every dialect says how long an attempt may take and how many more there may be. */
export const ATTEMPT_WISHES = {
  time_limit: {
    type: "text",
    required: false,
    meaning: "how long the program of one attempt may run, such as 90m, 1h30m, 2d or 1-12:00:00; Trainyard's own",
  },
  retries: {
    type: "number",
    required: false,
    meaning: "how many more attempts there may be after a failure that is not the program's; 0 to 10; Trainyard's own",
  },
} as const satisfies Record<string, Field>;

/** The field of a results reference that asks for results before the end. */
export const SYNC = {
  sync: {
    type: "text",
    required: false,
    meaning: "how often results are copied to the bucket while the program runs, such as 5m; Trainyard's own",
  },
} as const satisfies Record<string, Field>;

export type AttemptWishes = Pick<TrainingSpec, "timeLimitMs" | "retries">;

export function readAttemptWishes(places: Places<keyof typeof ATTEMPT_WISHES>, findings: Findings): AttemptWishes {
  const timeLimitMs = readDuration(places.time_limit, TIME_LIMIT_RULE, findings);
  return { timeLimitMs, retries: readRetries(places.retries, findings) };
}

export function readSync(places: Places<"sync"> | null, findings: Findings): number | null {
  return readDuration(places?.sync, SYNC_RULE, findings);
}

function readRetries(place: Place | undefined, findings: Findings): number {
  const text = readText(place, { maxLength: 100 }, findings);
  if (place === undefined || text === null) return 0;
  if (/^\d{1,9}$/.test(text) && Number(text) <= MAX_RETRIES) return Number(text);
  const hint = `Write a whole number from 0 to ${MAX_RETRIES}.`;
  findings.problem("value_invalid", place, `'${place.path}' is '${text}'.`, hint);
  return 0;
}

export function printAttemptWishes({ timeLimitMs, retries }: AttemptWishes): Record<string, unknown> {
  return withoutNulls({
    time_limit: timeLimitMs === null ? null : printDuration(timeLimitMs),
    retries: retries === 0 ? null : retries,
  });
}

export function printSync(resultsSyncMs: number | null): Record<string, unknown> {
  return resultsSyncMs === null ? {} : { sync: printDuration(resultsSyncMs) };
}
