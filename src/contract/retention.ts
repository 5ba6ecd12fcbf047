import { z } from "zod";
import { RunStateName } from "./run.ts";

const Time = z.iso.datetime();

export const PlannedRunView = z.object({
  id: z.string(),
  name: z.string(),
  state: RunStateName,
  endedAt: Time.nullable(),
  deletedAt: Time.nullable(),
  verdict: z.enum(["forget", "keep"]),
  /** Why it goes: `deleted`, `retention_over`. Why it stays: `undo_open`, `younger`, `only_copy`, `kept_for_ever`, `not_ended`. */
  reason: z.string(),
  /** When what keeps it ends; null where no time ends it. */
  until: Time.nullable(),
  /** What its run directory takes on the disk. */
  sizeBytes: z.int(),
});
export type PlannedRunView = z.infer<typeof PlannedRunView>;

export const RetentionView = z
  .object({
    /** The time that retention goes by. */
    asOf: Time,
    /** True while the server's clock is ahead of `asOf`: it was set forward, or the machine was off. */
    isClockDoubted: z.boolean(),
    /** Null keeps runs for ever. */
    days: z.number().nullable(),
    undoMinutes: z.number(),
    /** Oldest end first. */
    runs: z.array(PlannedRunView),
    /** Runs that have not ended, which all stay. */
    notEnded: z.int(),
    truncated: z.boolean(),
  })
  .meta({ id: "Retention" });
export type RetentionView = z.infer<typeof RetentionView>;
