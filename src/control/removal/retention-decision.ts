import type { Run } from "../../domain/run.ts";
import { isTerminal } from "../../domain/run-state.ts";

export const DAY_MS = 24 * 60 * 60 * 1000;

export interface RetentionRules {
  /** Days to keep a run after its end; null keeps it for ever. */
  readonly days: number | null;
  /** How long a deleted run can be taken back. */
  readonly undoMs: number;
}

/** Why a run stays, and until when; null where no time ends it. */
export interface Keep {
  readonly verdict: "keep";
  readonly reason: "not_ended" | "undo_open" | "kept_for_ever" | "younger" | "only_copy";
  readonly until: Date | null;
}

export interface Forget {
  readonly verdict: "forget";
  readonly reason: "deleted" | "retention_over";
}

export type RetentionDecision = Keep | Forget;

/**
 * Whether the run goes for good, and why. `holdsOnlyCopy` says that the run directory has results that no bucket has:
 * those go only with a wish to delete, never by themselves. The duty and `trainyard retention` both ask here.
 */
export function decideRetention(
  run: Pick<Run, "state" | "endedAt" | "deletedAt">,
  rules: RetentionRules,
  now: Date,
  holdsOnlyCopy: boolean,
): RetentionDecision {
  if (!isTerminal(run.state) || run.endedAt === null) return keep("not_ended", null);
  if (run.deletedAt !== null) {
    const until = after(run.deletedAt, rules.undoMs);
    return now < until ? keep("undo_open", until) : { verdict: "forget", reason: "deleted" };
  }
  if (rules.days === null) return keep("kept_for_ever", null);
  const until = after(run.endedAt, rules.days * DAY_MS);
  if (now < until) return keep("younger", until);
  return holdsOnlyCopy ? keep("only_copy", null) : { verdict: "forget", reason: "retention_over" };
}

/** Until when a deleted run can be taken back. */
export function undoUntil(run: Pick<Run, "deletedAt">, undoMs: number): Date | null {
  return run.deletedAt === null ? null : after(run.deletedAt, undoMs);
}

function keep(reason: Keep["reason"], until: Date | null): Keep {
  return { verdict: "keep", reason, until };
}

function after(time: Date, ms: number): Date {
  return new Date(time.getTime() + ms);
}
