import type { Findings } from "./findings.ts";
import { kindAt, textAt } from "./place.ts";
import type { Place } from "./place.ts";

export interface TextRule {
  readonly maxLength: number;
  /** Line ends and tabs are allowed too; other control characters never are, unless `isSecret`. */
  readonly isMultiLine?: true;
  /** A secret may hold anything but NUL, and is never shown. */
  readonly isSecret?: true;
  /** Blank text is an absent value instead of a problem. */
  readonly mayBeBlank?: true;
}

/** The text at `place`, or null when it is absent, blank or was reported. */
export function readText(place: Place | undefined, rule: TextRule, findings: Findings): string | null {
  if (place === undefined) return null;
  const text = textAt(place);
  if (text === null) {
    findings.problem(
      "value_invalid",
      place,
      `'${place.path}' must be text, and it is ${kindAt(place)}.`,
      "Write one value.",
    );
    return null;
  }
  if (text.trim() === "") {
    if (rule.mayBeBlank) return null;
    findings.problem("field_missing", place, `'${place.path}' is blank.`, "Write a value.");
    return null;
  }
  if (text.length > rule.maxLength) {
    const message = `'${place.path}' has ${text.length} characters; it may have at most ${rule.maxLength}.`;
    findings.problem("value_invalid", place, message, "Shorten it.");
    return null;
  }
  if (forbiddenIn(rule).test(text) || !text.isWellFormed()) {
    const message = `'${place.path}' holds a control character, a line end or half a character that it must not hold.`;
    findings.problem("value_invalid", place, message, "Remove it; look for backslash escapes inside double quotes.");
    return null;
  }
  return text;
}

function forbiddenIn(rule: TextRule): RegExp {
  // oxlint-disable no-control-regex -- refusing control characters is the purpose
  if (rule.isSecret) return /\u0000/;
  return rule.isMultiLine ? /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/ : /[\p{Cc}\u2028\u2029]/u;
  // oxlint-enable no-control-regex
}

/** The whole number at `place`, or null when it is absent or was reported. */
export function readCount(place: Place | undefined, max: number, findings: Findings): number | null {
  const text = readText(place, { maxLength: 100 }, findings);
  if (place === undefined || text === null) return null;
  if (/^[1-9][0-9]{0,8}$/.test(text) && Number(text) <= max) return Number(text);
  findings.problem("value_invalid", place, `'${place.path}' is '${text}'.`, `Write a whole number from 1 to ${max}.`);
  return null;
}

/** The number at `place`, up to three decimals, or null when it is absent or was reported. */
export function readNumber(
  place: Place | undefined,
  { min, max }: { readonly min: number; readonly max: number },
  findings: Findings,
): number | null {
  const text = readText(place, { maxLength: 100 }, findings);
  if (place === undefined || text === null) return null;
  const number = /^(?:\d{1,9}(?:\.\d{0,3}0*)?|\.\d{1,3}0*)$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  const hint = `Write a number from ${min} to ${max} with at most three decimals.`;
  findings.problem("value_invalid", place, `'${place.path}' is '${text}'.`, hint);
  return null;
}
