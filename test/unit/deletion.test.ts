import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import type { RunQuery } from "../../src/store/store.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { controlBundle, MANIFEST, type ControlBundle } from "./control-bundle.ts";

const admin = { account: "admin" };
const HOUR_MS = 3_600_000;
const ALL: RunQuery = { states: [], name: null, idPrefix: null, limit: 10, cursor: null };

async function listed({ control }: ControlBundle, deleted = false): Promise<string[]> {
  return (await control.runs.list({ ...ALL, deleted })).runs.map(({ id }) => id);
}

test("a deleted run is in no list but still there, until it is taken back", async () => {
  await using bundle = await controlBundle({ deleteUndoMs: HOUR_MS });
  const { runs } = bundle.control;
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  const deleted = await runs.remove(id, { account: "ann" });
  expect(deleted?.deletedAt).not.toBeNull();
  expect(runs.undoUntil(deleted as NonNullable<typeof deleted>)).toEqual(
    new Date((deleted?.deletedAt?.getTime() ?? 0) + HOUR_MS),
  );
  expect([await listed(bundle), await listed(bundle, true)]).toEqual([[], [id]]);
  expect(existsSync((await runs.logFile(id, 1)).path)).toBe(true);
  // A second wish does not give it more time.
  expect((await runs.remove(id, admin))?.deletedAt).toEqual(deleted?.deletedAt);
  await bundle.restart();
  expect((await bundle.control.runs.restore(id, admin)).deletedAt).toBeNull();
  expect((await bundle.control.runs.restore(id, admin)).deletedAt).toBeNull();
  expect([await listed(bundle), await listed(bundle, true)]).toEqual([[id], []]);
  const told = (await bundle.control.runs.events(id, 0, 100)).map(({ type, message }) => `${type}: ${message}`);
  expect(told.slice(-2)).toEqual([
    "deleted: ann deleted it; for some time it can be taken back.",
    "restored: admin took its deletion back.",
  ]);
});

test("at once is for good, also for a run that could still be taken back", async () => {
  await using bundle = await controlBundle({ deleteUndoMs: HOUR_MS });
  const { runs } = bundle.control;
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  await runs.remove(id, admin);
  expect(await runs.remove(id, admin, { atOnce: true })).toBeNull();
  await expect(runs.get(id)).rejects.toMatchObject({ code: "run_not_found" });
  await expect(runs.restore(id, admin)).rejects.toMatchObject({ code: "run_not_found" });
  expect(await readdir(join(bundle.home, "runs"))).toEqual([]);
  expect(await bundle.stored(id, "training-log.txt")).toBeDefined();
});

test("the duty removes it once its time is over", async () => {
  const time = { passedMs: 0 };
  const clock = {
    ...systemClock,
    now: () => new Date(Date.now() + time.passedMs),
    monotonicMs: () => performance.now() + time.passedMs,
    // The rounds of the duty; the rest waits for so little that it does not matter.
    sleep: async (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 50), signal),
  };
  await using bundle = await controlBundle({ clock, deleteUndoMs: HOUR_MS });
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  await bundle.control.runs.remove(id, admin);
  time.passedMs = HOUR_MS - 10_000;
  expect(await listed(bundle, true)).toEqual([id]);
  time.passedMs = HOUR_MS;
  await expect.poll(() => listed(bundle, true), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => existsSync(join(bundle.home, "runs", id)), { timeout: 10_000 }).toBe(false);
});

test("the idempotency key of a deleted run gives that run until it is gone, and then a new one", async () => {
  await using bundle = await controlBundle({ deleteUndoMs: HOUR_MS });
  const { id } = await bundle.untilEnded((await bundle.submit(MANIFEST, { key: "once" })).id);
  await bundle.control.runs.remove(id, admin);
  const again = await bundle.submit(MANIFEST, { key: "once" });
  expect([again.id, again.deletedAt === null]).toEqual([id, false]);
  await bundle.control.runs.remove(id, admin, { atOnce: true });
  expect((await bundle.submit(MANIFEST, { key: "once" })).id).not.toBe(id);
});

test("a run that lives cannot be deleted, and the other fields of a deleted one stay as they were", async () => {
  await using bundle = await controlBundle({
    deleteUndoMs: HOUR_MS,
    script: () => ({ kind: "runs", onStop: "ends" }),
  });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await expect(bundle.control.runs.remove(id, admin)).rejects.toMatchObject({ code: "run_not_ended" });
  await bundle.control.runs.requestStop(id, 0, admin);
  const ended = await bundle.untilEnded(id);
  const deleted = await bundle.control.runs.remove(id, admin);
  expect(deleted).toEqual({
    ...ended,
    version: ended.version + 1,
    changedAt: deleted?.changedAt,
    deletedAt: deleted?.deletedAt,
  });
  await expect(bundle.control.runs.requestStop(id, 0, admin)).rejects.toMatchObject({ code: "run_already_ended" });
});

test("the plan tells of each ended run what comes, what it takes on the disk, and how many live", async () => {
  const denied = new RemoteError("denied", "The bucket refused it.", { retryable: false });
  let isDenied = true;
  await using bundle = await controlBundle({
    retentionDays: 7,
    deleteUndoMs: HOUR_MS,
    script: ({ command }) => (command === "true" ? { kind: "exits", exitCode: 0 } : { kind: "runs", onStop: "ends" }),
    wrapStore: (store) =>
      withMethods(store, {
        put: async (key, content, signal) => (isDenied ? Promise.reject(denied) : store.put(key, content, signal)),
      }),
  });
  const unstored = await bundle.untilEnded((await bundle.submit()).id);
  isDenied = false;
  const stored = await bundle.untilEnded((await bundle.submit()).id);
  const deleted = await bundle.untilEnded((await bundle.submit()).id);
  await bundle.control.runs.remove(deleted.id, admin);
  await bundle.untilState((await bundle.submit(MANIFEST.replace('"true"', "sleep 9"))).id, "running");
  const plan = await bundle.control.runs.planRetention(10, AbortSignal.timeout(10_000));
  expect(plan).toMatchObject({ isClockDoubted: false, notEnded: 1, truncated: false, rules: { days: 7 } });
  expect(plan.runs.map(({ run, decision }) => [run.id, decision.reason])).toEqual([
    [unstored.id, "younger"],
    [stored.id, "younger"],
    [deleted.id, "undo_open"],
  ]);
  for (const { sizeBytes } of plan.runs) expect(sizeBytes).toBeGreaterThan(0);
  expect(await bundle.control.runs.planRetention(2, AbortSignal.timeout(10_000))).toMatchObject({ truncated: true });
});
