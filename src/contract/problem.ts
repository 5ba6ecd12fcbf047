import { z } from "zod";
import { ServiceError, type ErrorKind } from "../domain/errors.ts";

/** RFC 9457 problem details, with our stable `code` and what to do in `hint`. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    kind: z.enum([
      "invalid",
      "unauthenticated",
      "forbidden",
      "not_found",
      "conflict",
      "too_large",
      "rate_limited",
      "unavailable",
      "internal",
    ]),
    code: z.string(),
    detail: z.string(),
    hint: z.string(),
    /** Positions of manifest problems, ids that matched: what a program may want beside the sentence. */
    details: z.array(z.unknown()).optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof Problem>;

/** Codes that HTTP has a more exact status for than their kind's. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  media_type_not_supported: 415,
  range_not_satisfiable: 416,
};

const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
};

/** A ServiceError as it is told to others; undefined for anything else, which nobody outside may read. */
export function problemOf(error: unknown): Problem | undefined {
  if (!(error instanceof ServiceError)) return undefined;
  const status = STATUS_BY_CODE[error.code] ?? STATUS[error.kind];
  return {
    type: `urn:trainyard:error:${error.code}`,
    title: error.code.replaceAll("_", " "),
    status,
    kind: error.kind,
    code: error.code,
    detail: error.message,
    hint: error.hint,
    ...(error.details.length === 0 ? {} : { details: [...error.details] }),
  };
}
