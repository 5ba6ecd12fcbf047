import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { forgetOldRuns, keepForgetting, type RetentionParts } from "../../src/control/retention.ts";
import { runNotFound } from "../../src/domain/errors.ts";
import { advance } from "../../src/domain/run.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Store } from "../../src/store/store.ts";
import { pendingRun } from "../fixtures/pending-run.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW = new Date("2026-03-10T12:00:00Z");
const never = new AbortController().signal;
const daysAgo = (days: number): Date => new Date(NOW.getTime() - days * DAY_MS);

interface Bundle extends RetentionParts, AsyncDisposable {
  readonly removed: string[];
  readonly logged: string[];
  left(): Promise<string[]>;
}

/** A real database with runs that ended at the given times; `living` has not ended. */
async function bundle(endedAt: readonly Date[], parts: Partial<RetentionParts> = {}): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-retention-"));
  const store = await openSqliteStore({ path: join(folder, "trainyard.db"), clock: systemClock });
  const insert = async (id: string) => {
    const run = pendingRun({ id });
    await store.insertRun({ run, sealedCredentials: "", idempotencyKey: null });
    return run;
  };
  await insert("living");
  for (const [index, time] of endedAt.entries()) {
    await store.saveRun(advance(await insert(`run-${index}`), "canceled", time), []);
  }
  const removed: string[] = [];
  const logged: string[] = [];
  const log = (_fields: object, message: string): void => void logged.push(message);
  return {
    store,
    clock: systemClock,
    log: { info: log, warn: log, error: log },
    days: 7,
    remove: async (id) => {
      removed.push(id);
      await store.deleteRun(id);
    },
    ...parts,
    removed,
    logged,
    left: async () => (await listAll(store)).toSorted(),
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function listAll(store: Store): Promise<string[]> {
  const page = await store.listRuns({ states: [], name: null, idPrefix: null, limit: 500, cursor: null });
  return page.runs.map(({ id }) => id);
}

test("what ended longer ago than the days to keep is forgotten, and nothing else", async () => {
  await using parts = await bundle([daysAgo(8), daysAgo(7.01), daysAgo(6.99), daysAgo(0), daysAgo(-3)]);
  expect(await forgetOldRuns(parts, NOW, never)).toBe(2);
  expect(await parts.left()).toEqual(["living", "run-2", "run-3", "run-4"]);
});

test("without a number of days everything is kept for ever", async () => {
  await using parts = await bundle([daysAgo(5000)], { days: null });
  expect(await forgetOldRuns(parts, NOW, never)).toBe(0);
  expect(await parts.left()).toEqual(["living", "run-0"]);
});

test.each([99, 100, 101, 250])("all of %d old runs go in one round", async (count) => {
  await using parts = await bundle(Array.from({ length: count }, () => daysAgo(9)));
  expect(await forgetOldRuns(parts, NOW, never)).toBe(count);
  expect(await parts.left()).toEqual(["living"]);
});

test("a run that cannot be removed is reported and does not keep the others", async () => {
  await using parts = await bundle(Array.from({ length: 120 }, () => daysAgo(9)));
  const remove = async (id: string): Promise<void> => {
    if (id === "run-0") throw new Error("EIO");
    await parts.store.deleteRun(id);
  };
  expect(await forgetOldRuns({ ...parts, remove }, NOW, never)).toBe(119);
  expect(await parts.left()).toEqual(["living", "run-0"]);
  expect(parts.logged).toContain("an old run could not be removed");
});

test("when nothing can be removed the round ends", async () => {
  await using parts = await bundle(Array.from({ length: 100 }, () => daysAgo(9)));
  const remove = async (): Promise<void> => Promise.reject(new Error("EIO"));
  expect(await forgetOldRuns({ ...parts, remove }, NOW, never)).toBe(0);
});

test("a run that somebody else removed meanwhile is no trouble", async () => {
  await using parts = await bundle([daysAgo(9)]);
  const remove = async (id: string): Promise<void> => Promise.reject(runNotFound(id));
  await forgetOldRuns({ ...parts, remove }, NOW, never);
  expect(parts.logged).toEqual([]);
});

test("the end of the server ends a round between two runs", async () => {
  const ending = new AbortController();
  await using parts = await bundle([daysAgo(9), daysAgo(9)]);
  const remove = async (id: string): Promise<void> => {
    await parts.remove(id);
    ending.abort();
  };
  await forgetOldRuns({ ...parts, remove }, NOW, ending.signal);
  expect(parts.removed).toHaveLength(1);
});

/** A clock whose sleeps end when the test says so. */
function clockOf(time: { wall: Date; monotonicMs: number }) {
  let wake = (): void => {};
  let asleep = Promise.withResolvers<number>();
  return {
    now: () => time.wall,
    monotonicMs: () => time.monotonicMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      wake = resolve;
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      asleep.resolve(ms);
      await promise;
    },
    /** How long the sleep is that has just begun. */
    untilAsleep: async () => asleep.promise,
    wake: () => {
      asleep = Promise.withResolvers();
      wake();
    },
  };
}

test("a clock that is set forward by ten years forgets nothing early, and time that passes does", async () => {
  const time = { wall: NOW, monotonicMs: 5000 };
  const clock = clockOf(time);
  await using parts = await bundle([daysAgo(1)], { clock });
  const ending = new AbortController();
  const duty = keepForgetting(parts, ending.signal);
  expect(await clock.untilAsleep()).toBe(60 * 60 * 1000);
  time.wall = daysAgo(-3650);
  clock.wake();
  await clock.untilAsleep();
  expect(await parts.left()).toEqual(["living", "run-0"]);
  time.monotonicMs += 6.1 * DAY_MS;
  clock.wake();
  await clock.untilAsleep();
  expect(await parts.left()).toEqual(["living"]);
  ending.abort(new Error("over"));
  await duty;
});

test("a round that fails is reported, and the next one comes", async () => {
  const clock = clockOf({ wall: NOW, monotonicMs: 0 });
  await using parts = await bundle([daysAgo(9)], { clock });
  let failures = 1;
  const listRunsEndedBefore: Store["listRunsEndedBefore"] = async (time, limit) => {
    if (failures-- > 0) throw new Error("SQLITE_IOERR");
    return parts.store.listRunsEndedBefore(time, limit);
  };
  const ending = new AbortController();
  const store = { ...parts.store, listRunsEndedBefore };
  const duty = keepForgetting({ ...parts, store }, ending.signal);
  await clock.untilAsleep();
  expect(parts.logged).toEqual(["a round of retention failed"]);
  clock.wake();
  await clock.untilAsleep();
  expect(await parts.left()).toEqual(["living"]);
  ending.abort(new Error("over"));
  await duty;
});
