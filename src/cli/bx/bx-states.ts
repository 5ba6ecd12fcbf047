import type { RunStateName } from "../../contract/run.ts";

/** The states as clients of Watson ML know them. */
export const BX_STATES: Record<RunStateName, string> = {
  pending: "pending",
  downloading: "pending",
  running: "running",
  storing: "running",
  completed: "completed",
  failed: "error",
  canceled: "canceled",
};

/** `2017-10-26T11:16:51Z`: whole seconds, as the client printed them. */
export function bxTime(at: string): string {
  return at.replace(/\.\d+Z$/, "Z");
}
