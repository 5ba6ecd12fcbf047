import { parseDuration, printDuration } from "../base/duration.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

/** Milliseconds. */
export interface DurationRule {
  readonly min: number;
  readonly max: number;
}

/** The milliseconds of the duration at `place`, or null when it is absent or was reported. */
export function readDuration(place: Place | undefined, { min, max }: DurationRule, findings: Findings): number | null {
  const text = readText(place, { maxLength: 100 }, findings);
  if (place === undefined || text === null) return null;
  const ms = parseDuration(text.trim());
  if (ms !== null && ms >= min && ms <= max) return ms;
  const range = `from ${printDuration(min)} to ${printDuration(max)}`;
  const [message, hint] =
    ms === null
      ? [`'${place.path}' is '${text}', which is no time.`, hintFor(text.trim())]
      : [`'${place.path}' is '${text}'; it may be ${range}.`, `Write a time ${range}.`];
  findings.problem("value_invalid", place, message, hint);
  return null;
}

function hintFor(text: string): string {
  const example = "Write it with units, like 90m, 1h30m or 2d, or like Slurm's 1-12:00:00.";
  if (/^\d{1,9}$/.test(text)) return `Say of what: ${text}s, ${text}m or ${text}h.`;
  const [, first, second] = /^(\d{1,4}):(\d{1,2})$/.exec(text) ?? [];
  if (first !== undefined) {
    return `Slurm reads it as minutes, others as hours: write ${first}m${second}s or ${first}h${second}m.`;
  }
  return text.startsWith("-") ? `It cannot be negative. ${example}` : example;
}
