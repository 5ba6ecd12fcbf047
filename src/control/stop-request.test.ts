import { expect, test } from "vitest";
import { pendingRun } from "../../test/fixtures/pending-run.ts";
import type { Observation } from "../engines/engine.ts";
import { hasEndedBefore, withStopRequest } from "./stop-request.ts";

const NOW = new Date("2026-03-10T12:00:00Z");
const running = pendingRun({ state: "running", handles: [{ learner: 1 }, { learner: 2 }] });
const exited: Observation = { status: "exited", exitCode: 0, signal: null, endedAt: NOW, outOfMemory: false };
const engineOf = (...observations: Observation[]) => ({
  observe: async ({ learner }: { learner?: string | number }) => observations[Number(learner) - 1] as Observation,
});

test("a wish that came too late has no grace, and one that came in time keeps its own", () => {
  const late = withStopRequest(running, 500, "admin", NOW, true).run;
  expect(late).toMatchObject({ stopRequestedAt: NOW, stopGraceMs: null });
  const inTime = withStopRequest(running, 500, "admin", NOW, false).run;
  expect(inTime).toMatchObject({ stopRequestedAt: NOW, stopGraceMs: 500 });
  // Asked again while it ends, or after it has ended by being asked.
  expect(withStopRequest(inTime, 100, "admin", NOW, false).run.stopGraceMs).toBe(100);
  expect(withStopRequest(inTime, 100, "admin", NOW, true).run.stopGraceMs).toBe(500);
});

test("a program has ended before the wish when its outcome stands and nobody has told of it", async () => {
  expect(await hasEndedBefore(engineOf(exited, exited), running)).toBe(true);
  expect(await hasEndedBefore(engineOf(exited, { status: "running" }), running)).toBe(false);
  expect(await hasEndedBefore(engineOf({ ...exited, exitCode: 1 }, { status: "running" }), running)).toBe(true);
});

test("a run that has started nothing, or whose program cannot be looked at, has not ended", async () => {
  expect(await hasEndedBefore(engineOf(exited), pendingRun())).toBe(false);
  expect(await hasEndedBefore(engineOf(exited), { ...running, handles: [] })).toBe(false);
  const blind = { observe: async () => Promise.reject(new Error("EIO")) };
  expect(await hasEndedBefore(blind, running)).toBe(false);
});
