import type { ErrorKind } from "../domain/errors.ts";

/** The exit codes of both command lines, by kind of error. */
export const EXIT_CODES: Record<ErrorKind, number> = {
  invalid: 2,
  unauthenticated: 4,
  forbidden: 4,
  not_found: 3,
  conflict: 5,
  too_large: 2,
  rate_limited: 6,
  unavailable: 6,
  internal: 70,
};
