/**
 * Where a run is on its way from submission to an end. `failed` and `canceled`
 * are ends like `completed`; a wish to stop is a field of the run, not a state.
 *
 *   pending → downloading → running → storing → completed | failed | canceled
 *    ↑ |           | └──────────|───────↑ ↑
 *    | └───────────|────────────|─────────┘      (stopped between two attempts: the logs of the first are kept)
 *    └─────────────┴────────────┘                (preempted or retried: next attempt)
 */
export type RunState = "pending" | "downloading" | "running" | "storing" | "completed" | "failed" | "canceled";

export const RUN_STATES: readonly RunState[] = [
  "pending",
  "downloading",
  "running",
  "storing",
  "completed",
  "failed",
  "canceled",
];

const NEXT: Record<RunState, readonly RunState[]> = {
  // To `storing` only when an attempt lies behind it, whose logs are worth keeping.
  pending: ["downloading", "storing", "failed", "canceled"],
  // Whatever has been begun has logs worth keeping, of staging at least, so it always passes through `storing`;
  // only an attempt that is thrown away (preemption, lost engine) goes back to `pending`.
  downloading: ["running", "storing", "pending"],
  running: ["storing", "pending"],
  storing: ["completed", "failed", "canceled"],
  completed: [],
  failed: [],
  canceled: [],
};

export function isTerminal(state: RunState): boolean {
  return NEXT[state].length === 0;
}

export function canAdvance(from: RunState, to: RunState): boolean {
  return NEXT[from].includes(to);
}
