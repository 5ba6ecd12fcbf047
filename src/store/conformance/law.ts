import fc from "fast-check";
import { expect, test } from "vitest";
import { canAdvance, isTerminal, RUN_STATES, type RunState } from "../../domain/run-state.ts";
import { advance, amend } from "../../domain/run.ts";
import type { RunQuery, Store } from "../store.ts";
import { Model } from "./model.ts";
import { everyPage } from "./queries.ts";
import { entry, sampleRun, second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

type Step =
  | {
      readonly do: "insert";
      readonly name: string;
      readonly owner: string;
      readonly key: string | null;
      readonly definition: string;
    }
  | { readonly do: "move"; readonly pick: number; readonly to: number; readonly stale: boolean }
  | { readonly do: "delete"; readonly pick: number }
  | { readonly do: "hide"; readonly pick: number }
  | { readonly do: "list"; readonly query: Omit<RunQuery, "cursor"> }
  | { readonly do: "reopen" };

/** Few, and parts of each other, so that pages have something to divide. */
const word = fc.constantFrom("a", "ab", "AB", "abab", "aBaB%", "b_ab", "_", '"');
const pick = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      name: word,
      owner: fc.constantFrom("erika", "max"),
      key: fc.option(fc.constantFrom("k1", "k2", "k3"), { freq: 2 }),
      definition: fc.constantFrom("d1", "d2"),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("move" as const), pick, to: fc.nat(6), stale: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("hide" as const), pick }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("list" as const),
      query: fc.record({
        states: fc.uniqueArray(fc.constantFrom(...RUN_STATES), { maxLength: 3 }),
        name: fc.option(word),
        idPrefix: fc.option(fc.constantFrom("training-0", "training-1", "training-", "training-2")),
        deleted: fc.boolean(),
        limit: fc.integer({ min: 1, max: 4 }),
      }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "reopen" as const }) },
);

export function describeLaw(open: OpenStore): void {
  test(
    "whatever is done in whatever order, the store agrees with the plainest model",
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), async (steps) => {
          await using bundle = await open();
          const model = new Model();
          let store = bundle.store;
          for (const [time, one] of steps.entries()) {
            if (one.do === "reopen") store = await bundle.reopen();
            else await follow(store, model, one, time);
          }
          await compare(store, model, steps.length);
        }),
        { numRuns: 25 },
      );
    },
  );
}

async function follow(store: Store, model: Model, one: Exclude<Step, { do: "reopen" }>, time: number): Promise<void> {
  const now = second(time);
  if (one.do === "insert") {
    const run = sampleRun({
      // Odd and even, so that the beginning of an id fits half of the runs.
      id: `training-${time % 2}${String(time).padStart(8, "0")}`,
      name: one.name,
      owner: one.owner,
      definitionSha256: one.definition,
      submittedAt: now,
      changedAt: now,
    });
    const expected = model.insert(entry(run, { idempotencyKey: one.key }));
    expect(await store.insertRun(entry(run, { idempotencyKey: one.key }))).toEqual(expected);
    return;
  }
  if (one.do === "list") {
    expect(await everyPage(store, { ...one.query, cursor: null })).toEqual(model.list({ ...one.query, cursor: null }));
    return;
  }
  const known = model.runs[one.pick];
  if (known === undefined) return;
  if (one.do === "hide") {
    // Taken back where it was deleted already.
    const next = amend(known.run, now, { deletedAt: known.run.deletedAt === null ? now : null });
    await store.saveRun(next, [{ type: "deleted", message: "or taken back" }]);
    known.run = next;
    known.events += 1;
  } else if (one.do === "move") await move(store, known, RUN_STATES[one.to] as RunState, one.stale, now);
  else if (isTerminal(known.run.state)) {
    expect(await store.deleteRun(known.run.id)).toBe(true);
    model.runs.splice(one.pick, 1);
  } else await expect(store.deleteRun(known.run.id)).rejects.toMatchObject({ code: "run_not_ended" });
}

async function move(
  store: Store,
  known: Model["runs"][number],
  to: RunState,
  isStale: boolean,
  now: Date,
): Promise<void> {
  const next = canAdvance(known.run.state, to) ? advance(known.run, to, now) : amend(known.run, now, {});
  const events = [{ type: "state", message: to }];
  if (isStale) {
    const stale = { ...next, version: known.run.version };
    await expect(store.saveRun(stale, events)).rejects.toMatchObject({ code: "version_conflict" });
    return;
  }
  await store.saveRun(next, events);
  known.run = next;
  known.events += 1;
}

async function compare(store: Store, model: Model, end: number): Promise<void> {
  const runs = model.runs.map(({ run }) => run);
  for (const { run, events } of model.runs) {
    expect(await store.findRun(run.id)).toEqual(run);
    expect((await store.listEvents(run.id, 0, 1000)).map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: events }, (_, i) => i + 1),
    );
  }
  expect(await store.listUnendedRuns()).toEqual(runs.filter(({ state }) => !isTerminal(state)));
  for (const state of RUN_STATES) {
    const listed = runs.filter((run) => run.state === state && run.deletedAt === null);
    expect((await store.countRuns())[state]).toBe(listed.length);
  }
  const half = second(Math.floor(end / 2));
  const gone = runs.filter(({ endedAt }) => endedAt !== null && endedAt < half);
  const oldestFirst = gone.toSorted((a, b) => Number(a.endedAt) - Number(b.endedAt));
  expect(await store.listRunsEndedBefore(half, 1000)).toEqual(oldestFirst.map(({ id }) => id));
  const hidden = runs.filter(({ deletedAt }) => deletedAt !== null && deletedAt < half);
  const firstDeletedFirst = hidden.toSorted((a, b) => Number(a.deletedAt) - Number(b.deletedAt));
  expect(await store.listRunsDeletedBefore(half, 1000)).toEqual(firstDeletedFirst.map(({ id }) => id));
  for (const definition of ["d1", "d2"]) {
    expect(await store.isDefinitionUsed(definition)).toBe(runs.some((run) => run.definitionSha256 === definition));
  }
}
