import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { runNotEnded, runNotFound } from "../../domain/errors.ts";
import type { Run } from "../../domain/run.ts";
import type { Store } from "../../store/store.ts";
import { awaitMark, forgetOldRuns, keepForgetting } from "./retention.ts";
import type { RetentionRules } from "./retention-decision.ts";

// What the rounds do with a real database is in test/unit/retention.test.ts; here is what they ask for, and when.

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NOW = new Date("2026-03-10T12:00:00Z");
const never = new AbortController().signal;
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);

/** Runs by id, and lists of those that are old enough as the store makes them. */
function place(runs: readonly Run[], rules: RetentionRules = { days: 7, undoMs: 60_000 }) {
  const rows = new Map(runs.map((run) => [run.id, run]));
  const asked: string[] = [];
  const logged: [string, object][] = [];
  const log = (fields: object, message: string): void => void logged.push([message, fields]);
  const list = (name: string, timeOf: (run: Run) => Date | null) => {
    return async (before: Date, limit: number, skip = 0): Promise<string[]> => {
      asked.push(`${name} ${before.toISOString()} ${limit} ${skip}`);
      const old = [...rows.values()].filter((run) => (timeOf(run) ?? before) < before);
      return old.slice(skip, skip + limit).map(({ id }) => id);
    };
  };
  const store: Pick<Store, "findRun" | "listRunsDeletedBefore" | "listRunsEndedBefore"> = {
    findRun: async (id) => rows.get(id),
    listRunsDeletedBefore: list("deleted", ({ deletedAt }) => deletedAt),
    listRunsEndedBefore: list("ended", ({ endedAt }) => endedAt),
  };
  const time = { wall: NOW, monotonicMs: 0, saves: 0, naps: [] as number[], onNap: (): void => undefined };
  const parts = {
    store: store as Store,
    clock: {
      now: () => time.wall,
      monotonicMs: () => time.monotonicMs,
      sleep: async (ms: number, signal?: AbortSignal) => {
        time.naps.push(ms);
        time.monotonicMs += ms;
        time.onNap();
        signal?.throwIfAborted();
      },
    },
    log: { info: log, warn: log, error: log },
    rules,
    time: { now: () => time.wall, save: async () => void (time.saves += 1) },
    holdsOnlyCopy: async (_run: Run) => false,
    remove: async ({ id }: Run) => void rows.delete(id),
  };
  return { rows, asked, logged, time, parts };
}

const endedRun = (id: string, endedAt: Date, more: Partial<Run> = {}): Run =>
  pendingRun({ id, state: "completed", endedAt, ...more });
const many = (count: number): Run[] => Array.from({ length: count }, (_, i) => endedRun(`run-${i}`, ago(9 * DAY_MS)));

test("what became old enough in this very millisecond goes, and what did not stays", async () => {
  const here = place([
    endedRun("old", ago(7 * DAY_MS)),
    endedRun("young", ago(7 * DAY_MS - 1)),
    endedRun("deleted", ago(DAY_MS), { deletedAt: ago(60_000) }),
    endedRun("undone", ago(DAY_MS), { deletedAt: ago(59_999) }),
  ]);
  expect(await forgetOldRuns(here.parts, NOW, never)).toBe(2);
  expect([...here.rows.keys()]).toEqual(["young", "undone"]);
  expect(here.asked).toEqual(["deleted 2026-03-10T11:59:00.001Z 100 0", "ended 2026-03-03T12:00:00.001Z 100 0"]);
});

test("where runs are kept for ever only the deleted ones are asked for", async () => {
  const here = place([endedRun("deleted", ago(DAY_MS), { deletedAt: ago(HOUR_MS) })], { days: null, undoMs: 0 });
  expect(await forgetOldRuns(here.parts, NOW, never)).toBe(1);
  expect(here.asked).toHaveLength(1);
});

test("batches go on behind those that stay, and end with the first that is not full", async () => {
  const here = place(many(250));
  here.parts.holdsOnlyCopy = async ({ id }) => Number(id.slice(4)) < 120;
  expect(await forgetOldRuns(here.parts, NOW, never)).toBe(130);
  const skips = here.asked.filter((each) => each.startsWith("ended")).map((each) => each.split(" ")[3]);
  expect(skips).toEqual(["0", "100", "120"]);
});

test("one that was gone by then, or that somebody else removed, counts as forgotten and is no trouble", async () => {
  const here = place(many(2));
  here.parts.store.findRun = async (id) => (id === "run-0" ? undefined : here.rows.get(id));
  here.parts.remove = async ({ id }) => Promise.reject(runNotFound(id));
  expect(await forgetOldRuns(here.parts, NOW, never)).toBe(2);
  expect(here.logged).toEqual([]);
});

test.each([new Error("EIO"), runNotEnded("run-0", "running")])(
  "one that cannot be removed (%s) stays, is told with its reason, and keeps no other",
  async (error) => {
    const here = place(many(2));
    here.parts.remove = async ({ id }) => {
      if (id === "run-0") throw error;
      here.rows.delete(id);
    };
    expect(await forgetOldRuns(here.parts, NOW, never)).toBe(1);
    expect([...here.rows.keys()]).toEqual(["run-0"]);
    const fields = { runId: "run-0", error: error.message };
    expect(here.logged).toEqual([["an old run could not be removed", fields]]);
  },
);

test("the end of the server ends a round before the next run, and says how many are gone", async () => {
  const ending = new AbortController();
  const here = place(many(3));
  here.parts.remove = async ({ id }) => {
    here.rows.delete(id);
    ending.abort();
  };
  expect(await forgetOldRuns(here.parts, NOW, ending.signal)).toBe(1);
});

/** Lives through the duty until it has slept so many times. */
async function naps(here: ReturnType<typeof place>, count: number): Promise<void> {
  const ending = new AbortController();
  here.time.onNap = () => {
    if (here.time.naps.length === count) ending.abort(new Error("over"));
  };
  await keepForgetting(here.parts, ending.signal);
}

test.each([
  [60_000, 60_000],
  [0, HOUR_MS],
])("with %d ms to take a deletion back a round comes after %d ms", async (undoMs, roundMs) => {
  const here = place([], { days: 7, undoMs });
  await naps(here, 3);
  expect(here.time.naps).toEqual([roundMs, roundMs, roundMs]);
});

test("the time is noted at the start and then once an hour", async () => {
  const here = place([]);
  await naps(here, 61);
  expect(here.time.saves).toBe(2);
});

test("a round that forgot something says how much, one that found nothing says nothing", async () => {
  const here = place(many(1));
  await naps(here, 3);
  const told = ["forgot runs that were deleted or ended long ago", { count: 1, days: 7 }];
  expect(here.logged).toEqual([told]);
});

test("a round that fails is told, and so is a time that cannot be noted; the next round comes all the same", async () => {
  const here = place(many(1));
  let failures = 1;
  here.parts.store.listRunsDeletedBefore = async () => {
    if (failures-- > 0) throw new Error("SQLITE_IOERR");
    return [];
  };
  here.parts.time.save = async () => Promise.reject(new Error("ENOSPC"));
  await naps(here, 2);
  expect(here.rows.size).toBe(0);
  expect(here.logged.slice(0, 2)).toEqual([
    ["the time could not be noted for the next start", { error: "ENOSPC" }],
    ["a round of retention failed", { error: "SQLITE_IOERR" }],
  ]);
});

test("a mark that is made is waited for, and nothing is said of it", async () => {
  const here = place([]);
  let isMade = false;
  await awaitMark(
    Promise.resolve().then(() => void (isMade = true)),
    here.parts.log,
  );
  expect([isMade, here.logged]).toEqual([true, []]);
});
