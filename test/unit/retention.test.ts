import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { forgetOldRuns, keepForgetting, type RetentionParts } from "../../src/control/removal/retention.ts";
import { TrustedTime } from "../../src/control/removal/trusted-time.ts";
import { runNotFound } from "../../src/domain/errors.ts";
import { advance, amend, type Run } from "../../src/domain/run.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import type { Store } from "../../src/store/store.ts";
import { pendingRun } from "../fixtures/pending-run.ts";
import { QUICK_FOLDER } from "../fixtures/quick-folder.ts";
import { withMethods } from "../fixtures/with-methods.ts";

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
  const folder = await mkdtemp(join(QUICK_FOLDER, "trainyard-retention-"));
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
    rules: { days: 7, undoMs: 60_000 },
    holdsOnlyCopy: async () => false,
    remove: async ({ id, version }) => {
      removed.push(id);
      await store.deleteRun(id, version);
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
  await using parts = await bundle([daysAgo(5000)], { rules: { days: null, undoMs: 0 } });
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
  const remove = async ({ id }: Run): Promise<void> => {
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
  const remove = async ({ id }: Run): Promise<void> => Promise.reject(runNotFound(id));
  await forgetOldRuns({ ...parts, remove }, NOW, never);
  expect(parts.logged).toEqual([]);
});

test("a deleted run goes after the undo window, whatever its age, and stays before it", async () => {
  await using parts = await bundle([daysAgo(30), daysAgo(1), daysAgo(1)]);
  const deletedSince = async (id: string, ms: number): Promise<void> => {
    const run = (await parts.store.findRun(id)) as Run;
    const deletedAt = new Date(NOW.getTime() - ms);
    await parts.store.saveRun(amend(run, deletedAt, { deletedAt }), []);
  };
  await deletedSince("run-0", 59_999);
  await deletedSince("run-1", 60_000);
  expect(await forgetOldRuns(parts, NOW, never)).toBe(1);
  expect(parts.removed).toEqual(["run-1"]);
});

test("the only copy of results stays, and does not hide the runs behind it", async () => {
  await using parts = await bundle(Array.from({ length: 230 }, () => daysAgo(9)));
  const holdsOnlyCopy = async ({ id }: Run): Promise<boolean> => Number(id.slice(4)) < 150;
  expect(await forgetOldRuns({ ...parts, holdsOnlyCopy }, NOW, never)).toBe(80);
  expect(await parts.left()).toHaveLength(151);
});

test("a run that is taken back while it is being forgotten stays", async () => {
  await using parts = await bundle([daysAgo(1)]);
  const deleted = (await parts.store.findRun("run-0")) as Run;
  await parts.store.saveRun(amend(deleted, daysAgo(0.5), { deletedAt: daysAgo(0.5) }), []);
  const remove = async (run: Run): Promise<void> => {
    await parts.store.saveRun(amend(run, NOW, { deletedAt: null }), []);
    await parts.remove(run);
  };
  expect(await forgetOldRuns({ ...parts, remove }, NOW, never)).toBe(0);
  expect(await parts.left()).toEqual(["living", "run-0"]);
});

test("the end of the server ends a round between two runs", async () => {
  const ending = new AbortController();
  await using parts = await bundle([daysAgo(9), daysAgo(9)]);
  const remove = async (run: Run): Promise<void> => {
    await parts.remove(run);
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
  const duty = keepForgetting({ ...parts, time: new TrustedTime(clock, undefined, 7 * DAY_MS) }, ending.signal);
  expect(await clock.untilAsleep()).toBe(60_000);
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
  const listRunsEndedBefore: Store["listRunsEndedBefore"] = async (time, limit, skip) => {
    if (failures-- > 0) throw new Error("SQLITE_IOERR");
    return parts.store.listRunsEndedBefore(time, limit, skip);
  };
  const ending = new AbortController();
  const store = withMethods(parts.store, { listRunsEndedBefore });
  const duty = keepForgetting({ ...parts, store, time: new TrustedTime(clock, undefined, 1) }, ending.signal);
  await clock.untilAsleep();
  expect(parts.logged).toEqual(["a round of retention failed"]);
  clock.wake();
  await clock.untilAsleep();
  expect(await parts.left()).toEqual(["living"]);
  ending.abort(new Error("over"));
  await duty;
});
