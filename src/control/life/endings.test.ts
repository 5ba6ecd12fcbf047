import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import type { Ending, Handle } from "../../engines/engine.ts";
import { awaitEndings, isDecided, outcomeOfEndings, type LearnerEnding } from "./endings.ts";

const context = () => ({ phase: "running", attempt: 1, logTail: [] }) as const;

function exited(learner: number, exitCode: number, atMs: number): LearnerEnding {
  const ending: Ending = { status: "exited", exitCode, signal: null, endedAt: new Date(atMs), outOfMemory: false };
  return { learner, ending, seenAt: new Date(atMs + 1000) };
}

/** `graceMs` is null where the wish came after the program's end. */
const stopped = (graceMs: number | null) => pendingRun({ stopRequestedAt: new Date(5000), stopGraceMs: graceMs });

test("a run completes only if every learner ended with 0", () => {
  expect(outcomeOfEndings([exited(1, 0, 1), exited(2, 0, 2)], pendingRun(), context)).toEqual({ state: "completed" });
  expect(outcomeOfEndings([exited(1, 0, 1), exited(2, 1, 2)], pendingRun(), context)).toMatchObject({
    state: "failed",
  });
});

test("the failure that came first is the run's, whatever order they were noticed in", () => {
  const outcome = outcomeOfEndings([exited(1, 1, 900), exited(2, 9, 100), exited(3, 143, 950)], pendingRun(), context);
  expect(outcome).toMatchObject({ failure: { learner: 2, exitCode: 9 } });
});

test("what a program did when is told by its record, not by when that was found", () => {
  const late = { ...exited(2, 9, 100), seenAt: new Date(9000) };
  expect(outcomeOfEndings([exited(1, 1, 900), late], pendingRun(), context)).toMatchObject({ failure: { learner: 2 } });
});

test("a program that was ended for want of memory says so, unless it ended well all the same", () => {
  const starved = (code: number): LearnerEnding => {
    const { ending, ...rest } = exited(1, code, 1);
    return { ...rest, ending: { ...ending, outOfMemory: true } as Ending };
  };
  expect(outcomeOfEndings([starved(137)], pendingRun(), context)).toMatchObject({
    failure: { cause: "out_of_memory" },
  });
  expect(outcomeOfEndings([starved(0)], pendingRun(), context)).toEqual({ state: "completed" });
  expect(outcomeOfEndings([exited(1, 137, 1)], pendingRun(), context)).toMatchObject({
    failure: { cause: expect.not.stringContaining("out_of_memory") },
  });
});

test("a learner that nobody saw end makes the run fail as lost", () => {
  const lost: LearnerEnding = { learner: 2, ending: { status: "lost", reason: "no record" }, seenAt: new Date(5) };
  expect(outcomeOfEndings([exited(1, 1, 100), lost], pendingRun(), context)).toMatchObject({
    failure: { cause: "learner_lost", learner: 2, exitCode: null },
  });
});

test("a program that ended before the wish to stop keeps its own outcome; after it the run is canceled", () => {
  for (const [code, state] of [
    [0, "completed"],
    [3, "failed"],
  ] as const) {
    expect(outcomeOfEndings([exited(1, code, 1000)], stopped(null), context)).toMatchObject({ state });
  }
});

test.each([-315_360_000_000, -3_600_000, -1000, 4992, 5000, 6000, 315_360_000_000])(
  "a program that was asked to stop is canceled though the clock says that it ended at %d and was asked at 5000",
  (endedAtMs) => {
    for (const code of [0, 1, 143]) {
      expect(outcomeOfEndings([exited(1, code, endedAtMs)], stopped(0), context)).toEqual({ state: "canceled" });
    }
  },
);

const running = { status: "running" } as const;

test("an outcome stands once every learner has ended, or one of them not as a success", () => {
  const ended = (code: number) => exited(1, code, 1).ending;
  expect(isDecided([running])).toBe(false);
  expect(isDecided([ended(0), running])).toBe(false);
  expect(isDecided([ended(1), running])).toBe(true);
  expect(isDecided([running, { status: "lost", reason: "no record" }])).toBe(true);
  expect(isDecided([ended(0), ended(0)])).toBe(true);
});

test("only a run of several learners says which of them failed", () => {
  expect(outcomeOfEndings([exited(1, 3, 1)], pendingRun(), context)).toMatchObject({
    failure: { learner: null, message: "The program ended with exit code 3." },
  });
});

test("an engine that saw a signal is believed, whatever the exit code", () => {
  const { ending } = exited(1, 0, 1);
  const killed: LearnerEnding = { learner: 1, ending: { ...ending, signal: "SIGKILL" } as Ending, seenAt: new Date(2) };
  expect(outcomeOfEndings([killed], pendingRun(), context)).toMatchObject({ failure: { signal: "SIGKILL" } });
});

const handles: Handle[] = [1, 2, 3].map((learner) => ({ learner }));
const now = (): Date => new Date(7);
const forever = new AbortController().signal;

test("the others are stopped once, at the first failure and not before", async () => {
  const calls: number[] = [];
  const codes = [0, 1, 1];
  const waitForEnd = async ({ learner }: Handle): Promise<Ending> =>
    exited(Number(learner), codes[Number(learner) - 1] ?? 0, 1).ending;
  const endings = await awaitEndings({ waitForEnd }, handles, now, (learner) => calls.push(learner), forever);
  expect(calls).toEqual([2]);
  expect(endings.map(({ learner, seenAt }) => [learner, seenAt.getTime()])).toEqual([
    [1, 7],
    [2, 7],
    [3, 7],
  ]);
});

test("when one wait fails, the waits for the others end with it", async () => {
  const ended: number[] = [];
  const waitForEnd = async ({ learner }: Handle, signal: AbortSignal): Promise<Ending> => {
    if (learner === 2) throw new Error("EMFILE");
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        ended.push(Number(learner));
        reject(signal.reason as Error);
      });
    });
  };
  await expect(awaitEndings({ waitForEnd }, handles, now, () => undefined, forever)).rejects.toThrow("EMFILE");
  expect(ended).toEqual([1, 3]);
});

test("the waits end with the server that waits", async () => {
  const server = new AbortController();
  const waitForEnd = async (_handle: Handle, signal: AbortSignal): Promise<Ending> =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const waiting = awaitEndings({ waitForEnd }, handles, now, () => undefined, server.signal);
  server.abort(new Error("The server is ending."));
  await expect(waiting).rejects.toThrow("The server is ending.");
});

test("of two failures in the same millisecond the one that was noticed first is the run's", () => {
  const outcome = outcomeOfEndings([exited(2, 3, 100), exited(1, 143, 100)], pendingRun(), context);
  expect(outcome).toMatchObject({ failure: { learner: 2, exitCode: 3 } });
});
