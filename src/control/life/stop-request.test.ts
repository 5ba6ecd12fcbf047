import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import type { Run } from "../../domain/run.ts";
import type { Handle, Observation } from "../../engines/engine.ts";
import { hasEndedBefore, withStopRequest } from "./stop-request.ts";

const NOW = new Date("2026-03-10T12:00:00Z");
const LATER = new Date("2026-03-10T12:00:05Z");
const HANDLES = [{ learner: 1 }, { learner: 2 }];
const running = pendingRun({
  state: "running",
  handles: HANDLES,
  attempt: 3,
  spec: { ...pendingRun().spec, learners: 2 },
});
const exited: Observation = { status: "exited", exitCode: 0, signal: null, endedAt: NOW, outOfMemory: false };
const live: Observation = { status: "running" };

/** `found` are the learners that can be looked up by their folders. */
function ended(run: Run, observations: readonly Observation[], found: readonly Handle[] = []): Promise<boolean> {
  const engine = {
    // Answers whatever it is asked, so that only what is asked for decides.
    observe: async (handle?: Handle | null) => observations[Number(handle?.["learner"] ?? 1) - 1] as Observation,
    find: async (directory: string, attempt: number) =>
      found.find(({ learner }) => attempt === 3 && directory === `/home/runs/${run.id}/learner-${learner}`),
  };
  return hasEndedBefore(engine, "/home", run);
}

test("a wish that came too late has no grace, and one that came in time keeps its own", () => {
  const late = withStopRequest(running, 500, "admin", NOW, true).run;
  expect(late).toMatchObject({ stopRequestedAt: NOW, stopGraceMs: null });
  const inTime = withStopRequest(running, 500, "admin", NOW, false).run;
  expect(inTime).toMatchObject({ stopRequestedAt: NOW, stopGraceMs: 500 });
  // Asked again while it ends, or after it has ended by being asked: the first wish is the one that counts.
  expect(withStopRequest(inTime, 100, "admin", LATER, false).run).toMatchObject({
    stopRequestedAt: NOW,
    stopGraceMs: 100,
  });
  expect(withStopRequest(inTime, 100, "admin", LATER, true).run.stopGraceMs).toBe(500);
});

test("the wish is told in the story of the run, with its grace in seconds", () => {
  const { run, events } = withStopRequest(running, 1500, "ann", NOW, false);
  expect([run.state, run.version, run.changedAt]).toEqual(["running", running.version + 1, NOW]);
  expect(events).toEqual([{ type: "stop_requested", message: "ann asked to stop it, with 1.5 s of grace." }]);
});

test("a run that waits ends with the wish itself, and says that nothing was started", () => {
  const { run, events } = withStopRequest(pendingRun(), 0, "ann", NOW, false);
  expect(run).toMatchObject({ state: "canceled", endedAt: NOW, stopRequestedAt: NOW, stopGraceMs: 0, outcome: null });
  expect(events.map(({ type }) => type)).toEqual(["stop_requested", "state"]);
  expect(events[1]?.message).toContain("nothing had been started");
});

test("one that waits for another attempt ends after the logs of those before are stored", () => {
  const failure = { cause: "learner_lost", phase: "running", attempt: 1 } as const;
  const nothing = { learner: null, exitCode: null, signal: null, logTail: [], message: "It.", hint: "Do." };
  const past = { attempt: 1, startedAt: null, endedAt: NOW, failure: { ...failure, ...nothing } };
  const { run, events } = withStopRequest(pendingRun({ pastAttempts: [past] }), 0, "ann", NOW, false);
  expect(run).toMatchObject({ state: "storing", outcome: { state: "canceled" }, stopRequestedAt: NOW, endedAt: null });
  expect(events.map(({ type }) => type)).toEqual(["stop_requested", "state"]);
});

test.each(["completed", "failed", "canceled"] as const)("a run that is %s cannot be stopped", (state) => {
  expect(() => withStopRequest(pendingRun({ state }), 0, "ann", NOW, false)).toThrow(`already ended as ${state}`);
});

test("a program has ended before the wish when its outcome stands and nobody has told of it", async () => {
  expect(await ended(running, [exited, exited])).toBe(true);
  expect(await ended(running, [exited, live])).toBe(false);
  expect(await ended(running, [{ ...exited, exitCode: 1 }, live])).toBe(true);
});

test("a program whose start is not written down yet is found by its folder", async () => {
  const starting: Run = { ...running, state: "downloading", handles: [] };
  expect(await ended(starting, [exited, exited], HANDLES)).toBe(true);
  expect(await ended(starting, [exited, live], HANDLES)).toBe(false);
  // The other one is about to start: there is still something that can be called off.
  expect(await ended(starting, [{ ...exited, exitCode: 1 }, live], [{ learner: 1 }])).toBe(false);
  expect(await ended({ ...starting, attempt: 4 }, [exited, exited], HANDLES)).toBe(false);
});

test("a run that has started nothing, is past its program, or whose program cannot be looked at, has not ended", async () => {
  expect(await ended(pendingRun({ attempt: 3, spec: running.spec }), [exited, exited], HANDLES)).toBe(false);
  expect(await ended({ ...running, state: "storing" }, [exited, exited], HANDLES)).toBe(false);
  expect(await ended(pendingRun({ state: "storing", handles: [{ learner: 1 }] }), [exited])).toBe(false);
  expect(await ended({ ...running, handles: [] }, [exited, exited], HANDLES)).toBe(false);
  const blind = { observe: async () => Promise.reject(new Error("EIO")), find: async () => undefined };
  expect(await hasEndedBefore(blind, "/home", running)).toBe(false);
});
