/** The states of a run as the contract spells them; `RunStateName` in `run.ts` is their schema. */
export const RUN_STATES = ["pending", "downloading", "running", "storing", "completed", "failed", "canceled"] as const;

const ENDED_STATES: readonly (typeof RUN_STATES)[number][] = ["completed", "failed", "canceled"];

/** True once nothing about the run's outcome will change. */
export function hasEnded(run: { readonly state: (typeof RUN_STATES)[number] }): boolean {
  return ENDED_STATES.includes(run.state);
}
