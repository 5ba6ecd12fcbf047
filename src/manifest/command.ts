import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

/**
 * The command as one line: the service of that time turned line ends into blanks before the shell saw them. A
 * backslash before a line end goes with it, as in a shell; alone on the joined line it would quote the blank.
 */
export function readCommand(place: Place | undefined, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.scalarLength, isMultiLine: true }, findings);
  if (text === null) return null;
  return text
    .replace(/(?<!\\)((?:\\\\)*)\\\r?\n/g, "$1")
    .replace(/\r?\n/g, " ")
    .trimEnd();
}
