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
  "src/control/queue/scheduler.ts": covered("src/control/queue/scheduler.test.ts"),
  "src/control/queue/waiting-queue.ts": covered(
    "src/control/queue/waiting-queue.test.ts",
    "src/control/queue/scheduler.test.ts",
  ),
  "src/control/removal/retention-decision.ts": covered("src/control/removal/retention-decision.test.ts"),
  "src/control/removal/retention.ts": covered("src/control/removal/retention.test.ts", "test/unit/retention.test.ts"),
  "src/control/queue/retry-decision.ts": covered("src/control/queue/retry-decision.test.ts"),
  "src/control/removal/trash.ts": covered("src/control/removal/trash.test.ts", "test/unit/removal.test.ts"),
  "src/control/removal/trusted-time.ts": covered("src/control/removal/trusted-time.test.ts"),
  "src/control/life/stop-request.ts": covered("src/control/life/stop-request.test.ts"),
  "src/control/life/endings.ts": covered("src/control/life/endings.test.ts"),
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
    file: "src/control/life/endings.ts",
    before:
      'return endings.length === 1 || outcome.state !== "failed" ? outcome : nameLearner(outcome, first.learner);',
    change: '|| outcome.state !== "failed" → left out',
    why: "What is no success always failed; the comparison is there for the types.",
  },
  {
    file: "src/control/queue/scheduler.ts",
    before: "if (queue.size === 0) return grants;",
    change: "queue.size === 0 → false",
    why: "The first look into an empty queue ends the loop as well; this spares the list of free devices.",
  },
  {
    file: "src/control/queue/scheduler.ts",
    before: "if (waiting === undefined || position === null) return null;",
    change: "|| position === null → left out",
    why: "A run has a position as long as it is in the queue; the second question is there for the types.",
  },
  {
    file: "src/control/queue/scheduler.ts",
    before: "if (waiting === undefined || position === null) return null;",
    change: "|| → &&",
    why: "Both are known, or neither is.",
  },
];
