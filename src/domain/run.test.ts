import fc from "fast-check";
import { expect, test } from "vitest";
import { pendingRun } from "../../test/fixtures/pending-run.ts";
import { advance, amend, newRun, type Run, type Submitted } from "./run.ts";
import { canAdvance, isTerminal, RUN_STATES } from "./run-state.ts";

const START = pendingRun();

const anyState = fc.constantFrom(...RUN_STATES);

test("any sequence of legal steps keeps the run's bookkeeping consistent", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyState, fc.boolean()), { maxLength: 40 }), (steps) => {
      let run = START;
      let time = 1;
      for (const [to, holdsDevice] of steps) {
        if (!canAdvance(run.state, to)) continue;
        const before = run;
        run = advance(
          run,
          to,
          new Date((time += 1)),
          holdsDevice ? { devices: ["cpu-0"], startedAt: new Date(time) } : {},
        );
        expect(run.version).toBe(before.version + 1);
        expect(run.attempt).toBe(before.attempt + (to === "pending" ? 1 : 0));
        expect(run.endedAt === null).toBe(!isTerminal(run.state));
        if (to === "pending" || isTerminal(to)) expect([run.devices, run.handles]).toEqual([[], []]);
        if (to === "pending") expect([run.startedAt, run.outcome]).toEqual([null, null]);
      }
    }),
  );
});

test("a step that is not legal is refused by name", () => {
  const ended = { ...START, state: "completed" } as const;
  expect(() => advance(ended, "failed", new Date(1))).toThrow("cannot go from completed to failed");
});

test("amending leaves the state alone and counts as a write", () => {
  const amended = amend(START, new Date(5), { stopRequestedAt: new Date(5), stopGraceMs: 30_000 });
  expect([amended.state, amended.version, amended.changedAt]).toEqual(["pending", 2, new Date(5)]);
});

const SUBMITTED: Submitted = {
  id: "training-abcdefghi",
  owner: "ann",
  spec: START.spec,
  definitionSha256: "f".repeat(64),
  definitionSizeBytes: 12,
  submittedAt: new Date(7),
  warnings: ["odd"],
};

/** What nothing has happened to yet. */
const UNTOUCHED = {
  startedAt: null,
  endedAt: null,
  stopRequestedAt: null,
  stopGraceMs: null,
  devices: [],
  environment: null,
  handles: [],
  outcome: null,
  failure: null,
  results: null,
  pastAttempts: [],
  staged: null,
  deletedAt: null,
  startedOnBoot: null,
  limitReached: null,
  notBefore: null,
} as const;

test("a run enters the queue as it was submitted, and with nothing that has yet to happen", () => {
  const queued = { state: "pending", attempt: 1, version: 1, changedAt: new Date(7) } as const;
  expect(newRun(SUBMITTED)).toEqual({ ...SUBMITTED, ...queued, ...UNTOUCHED, deviceKind: null });
  expect(newRun({ ...SUBMITTED, deviceKind: "nvidia" }).deviceKind).toBe("nvidia");
});

/** A run to which everything has happened. */
const MARKED: Run = {
  ...START,
  state: "running",
  attempt: 2,
  version: 9,
  startedAt: new Date(1),
  stopRequestedAt: new Date(2),
  stopGraceMs: 3,
  devices: ["cpu-0"],
  environment: "a plain shell",
  handles: [{ pid: 4 }],
  outcome: { state: "completed" },
  results: { objects: 1, sizeBytes: 2, storedAt: new Date(3) },
  staged: { objects: 1, sizeBytes: 2, cachedObjects: 0, cachedBytes: 0, durationMs: 1, view: "a copy" },
  startedOnBoot: { bootId: "boot", uptimeMs: 1 },
  limitReached: { at: new Date(1), limitMs: 1, ranMs: 2 },
  notBefore: new Date(9),
  deviceKind: "cpu_slot",
  warnings: ["odd"],
};

test("a run that goes back to the queue forgets its attempt, and keeps everything else", () => {
  const notBefore = new Date(99);
  expect(advance(MARKED, "pending", new Date(10), { notBefore })).toEqual({
    ...MARKED,
    state: "pending",
    attempt: 3,
    version: 10,
    changedAt: new Date(10),
    startedAt: null,
    devices: [],
    handles: [],
    outcome: null,
    staged: null,
    startedOnBoot: null,
    limitReached: null,
    notBefore,
  });
});

test("a run that leaves the queue waits for no time any more, whether it starts or ends", () => {
  const waiting = { ...START, notBefore: new Date(99) };
  for (const to of ["downloading", "storing", "canceled", "failed"] as const) {
    expect(advance(waiting, to, new Date(10)).notBefore).toBeNull();
  }
  expect(advance(waiting, "canceled", new Date(10)).endedAt).toEqual(new Date(10));
  expect(advance(MARKED, "storing", new Date(10)).notBefore).toEqual(MARKED.notBefore);
});

test("a run that ends gives back its devices and learners, and nothing else", () => {
  const storing = advance(MARKED, "storing", new Date(10));
  expect(storing).toEqual({ ...MARKED, state: "storing", version: 10, changedAt: new Date(10) });
  for (const end of ["completed", "failed", "canceled"] as const) {
    const at = new Date(11);
    const ended = { state: end, version: 11, changedAt: at, endedAt: at, devices: [], handles: [] };
    expect(advance(storing, end, at)).toEqual({ ...storing, ...ended });
  }
});
