import { configurationInvalid } from "../domain/errors.ts";
import type { ServiceError } from "../domain/errors.ts";

/** One thing that is wrong, where it stands, and what to do. */
export interface ConfigurationProblem {
  readonly message: string;
  readonly hint: string;
  /** The dotted key, also of something inside a setting: `environments.0.python`. */
  readonly key: string;
  /** `trainyard.yaml:3:5`, `TRAINYARD_LISTEN`, `--listen`. */
  readonly place: string;
  readonly file: string | null;
  /** From 1; null outside the file. */
  readonly line: number | null;
  readonly column: number | null;
}

/** All problems as one error: the first in the message, the others in the hint, all with their facts in the details. */
export function refuseConfiguration(
  problems: readonly [ConfigurationProblem, ...ConfigurationProblem[]],
): ServiceError {
  const [first, ...others] = problems;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  const lines = [first.hint, ...others.map(({ place, message, hint }) => `${place}: ${message} ${hint}`)];
  return configurationInvalid(`${first.place}: ${first.message}${more}`, lines.join("\n"), problems);
}

/** A value in a sentence, short and on one line. What is inside a map or list is left out: it may be a secret. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a map";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
