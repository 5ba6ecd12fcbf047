/** A file whose rules must not be lost, and what holds them. */
export interface Covered {
  /** The cheapest first; a later one is asked only about what the ones before did not notice. */
  readonly tests: readonly string[];
  /** Lines that decide whether something stays, goes, is believed or is refused: here not one change may go unnoticed. */
  readonly branches: RegExp;
}

const DECISIONS = /\b(?:if|while) \(|\bkeep\(|\breturn null\b|\b(?:true|false)\b|\bverdict\b|\? /;

const covered = (...tests: readonly string[]): Covered => ({ tests, branches: DECISIONS });

export const COVERED: Readonly<Record<string, Covered>> = {
  "src/domain/run-state.ts": { ...covered("src/domain/run-state.test.ts"), branches: /^/ },
  "src/domain/run.ts": covered("src/domain/run.test.ts"),
  "src/control/scheduler.ts": covered("src/control/scheduler.test.ts"),
  "src/control/waiting-queue.ts": covered("src/control/waiting-queue.test.ts", "src/control/scheduler.test.ts"),
  "src/control/retention-decision.ts": covered("src/control/retention-decision.test.ts"),
  "src/control/retention.ts": covered("src/control/retention.test.ts", "test/unit/retention.test.ts"),
  "src/control/retry-decision.ts": covered("src/control/retry-decision.test.ts"),
  "src/control/trash.ts": covered("src/control/trash.test.ts", "test/unit/removal.test.ts"),
  "src/control/trusted-time.ts": covered("src/control/trusted-time.test.ts"),
  "src/control/stop-request.ts": covered("src/control/stop-request.test.ts"),
  "src/control/endings.ts": covered("src/control/endings.test.ts"),
  "src/datastores/key-path.ts": covered("src/datastores/key-path.test.ts"),
};

/** A change that makes no difference to anybody, told as the tool prints it, and why it makes none. */
export interface Equivalent {
  readonly file: string;
  readonly before: string;
  readonly change: string;
  readonly why: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: "src/control/endings.ts",
    before:
      'return endings.length === 1 || outcome.state !== "failed" ? outcome : nameLearner(outcome, first.learner);',
    change: '|| outcome.state !== "failed" → left out',
    why: "What is no success always failed; the comparison is there for the types.",
  },
  {
    file: "src/control/scheduler.ts",
    before: "if (queue.size === 0) return grants;",
    change: "queue.size === 0 → false",
    why: "The first look into an empty queue ends the loop as well; this spares the list of free devices.",
  },
  {
    file: "src/control/scheduler.ts",
    before: "if (waiting === undefined || position === null) return null;",
    change: "|| position === null → left out",
    why: "A run has a position as long as it is in the queue; the second question is there for the types.",
  },
  {
    file: "src/control/scheduler.ts",
    before: "if (waiting === undefined || position === null) return null;",
    change: "|| → &&",
    why: "Both are known, or neither is.",
  },
];
