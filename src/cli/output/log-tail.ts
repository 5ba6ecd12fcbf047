import type { FailureView } from "../../contract/run.ts";
import { printable } from "./printable.ts";

/** The last lines of a failed program's log, set apart from what surrounds them; nothing where no program had run. */
export function logTailLines({ logTail, exitCode }: FailureView): readonly string[] {
  if (logTail.length > 0)
    return ["Last lines of its log:", ...logTail.map((line) => `  | ${printable(line.replaceAll("\t", "    "))}`)];
  return exitCode === null ? [] : ["Its log is empty."];
}
