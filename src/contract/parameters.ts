import { z } from "zod";

/** What a caller may write for a run: an id. Prefixes are resolved by `listRuns` with `idPrefix`. */
export const RunParams = z.object({ id: z.string().min(1).max(64) });

export const Flag = z.enum(["true", "false"]).transform((word) => word === "true");

/** How long an answer may wait for something to happen. */
export const WAIT_LIMIT_S = 60;
