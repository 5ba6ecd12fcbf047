import { expect, test } from "vitest";
import { RUN_STATES } from "../../domain/run-state.ts";
import { amend, type Run } from "../../domain/run.ts";
import type { RunQuery } from "../store.ts";
import { idsOf } from "./queries.ts";
import { insert, second, walk } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeListing(open: OpenStore): void {
  test("runs are counted by state through every change", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const none = Object.fromEntries(RUN_STATES.map((state) => [state, 0]));
    expect(await store.countRuns()).toEqual(none);
    const [first] = [await insert(store), await insert(store)];
    expect(await store.countRuns()).toEqual({ ...none, pending: 2 });
    await walk(store, first, "downloading", "storing", "failed");
    expect(await store.countRuns()).toEqual({ ...none, pending: 1, failed: 1 });
    await store.deleteRun(first.id);
    expect(await (await bundle.reopen()).countRuns()).toEqual({ ...none, pending: 1 });
  });

  test("runs that have not ended are listed oldest first", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const runs = [await insert(store), await insert(store), await insert(store)];
    const ended = await walk(store, runs[1] as Run, "canceled");
    const moved = await walk(store, runs[0] as Run, "downloading");
    expect(await store.listUnendedRuns()).toEqual([moved, runs[2]]);
    expect(ended.endedAt).not.toBeNull();
  });

  test("runs that ended before a time are listed oldest end first, bounded, and never one that has not ended", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const end = (n: number) => insert(store, { state: "failed", endedAt: second(n) });
    const [late, early, middle] = [await end(30), await end(10), await end(20)];
    await insert(store);
    expect(await store.listRunsEndedBefore(second(30), 10)).toEqual([early.id, middle.id]);
    expect(await store.listRunsEndedBefore(second(31), 2)).toEqual([early.id, middle.id]);
    expect(await store.listRunsEndedBefore(second(10), 10)).toEqual([]);
    expect(await store.listRunsEndedBefore(second(1e9), 10)).toEqual([early.id, middle.id, late.id]);
    expect(await store.listRunsEndedBefore(second(1e9), 10, 1)).toEqual([middle.id, late.id]);
    expect(await store.listRunsEndedBefore(second(1e9), 1, 2)).toEqual([late.id]);
    expect(await store.listRunsEndedBefore(second(1e9), 10, 3)).toEqual([]);
  });

  test("deleted runs are in no list and no count, listed apart, and back in their place when they are taken back", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const ended = { state: "failed", endedAt: second(1), name: "digits" } as const;
    const [oldest, middle, newest] = [
      await insert(store, ended),
      await insert(store, ended),
      await insert(store, ended),
    ];
    const hidden = amend(middle, second(2), { deletedAt: second(2) });
    await store.saveRun(hidden, []);
    const others = [newest.id, oldest.id];
    const filters = [
      {},
      { states: ["failed"] },
      { name: "digit" },
      { name: "di" },
      { name: "digits", states: ["failed"] },
    ];
    for (const filter of filters as Partial<RunQuery>[]) {
      expect(await idsOf(store, filter)).toEqual(others);
      expect(await idsOf(store, { ...filter, deleted: true })).toEqual([middle.id]);
    }
    expect(await idsOf(store, { idPrefix: middle.id })).toEqual([]);
    expect(await idsOf(store, { idPrefix: middle.id, deleted: true })).toEqual([middle.id]);
    expect(await idsOf(store, { states: ["completed"], deleted: true })).toEqual([]);
    expect((await store.countRuns()).failed).toBe(2);
    expect(await store.findRun(middle.id)).toEqual(hidden);
    expect(await store.isDefinitionUsed(middle.definitionSha256)).toBe(true);

    await store.saveRun(amend(hidden, second(3), { deletedAt: null }), []);
    expect(await idsOf(store, {})).toEqual([newest.id, middle.id, oldest.id]);
    expect(await idsOf(store, { deleted: true })).toEqual([]);
    expect((await (await bundle.reopen()).countRuns()).failed).toBe(3);
  });

  test("runs that were deleted before a time are listed first deleted first, and bounded", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const hide = (n: number) => insert(store, { state: "failed", endedAt: second(1), deletedAt: second(n) });
    const [late, early, middle] = [await hide(30), await hide(10), await hide(20)];
    await insert(store, { state: "failed", endedAt: second(1) });
    expect(await store.listRunsDeletedBefore(second(30), 10)).toEqual([early.id, middle.id]);
    expect(await store.listRunsDeletedBefore(second(31), 1, 1)).toEqual([middle.id]);
    expect(await store.deleteRun(early.id)).toBe(true);
    expect(await store.listRunsDeletedBefore(second(31), 10)).toEqual([middle.id, late.id]);
    await store.deleteRun(late.id);
    expect((await store.countRuns()).failed).toBe(1);
  });

  test("a model definition is used until the last run with it is deleted", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const ended = { state: "failed", endedAt: second(1), definitionSha256: "b".repeat(64) } as const;
    const [one, two] = [await insert(store, ended), await insert(store, ended)];
    expect(await store.isDefinitionUsed("b".repeat(64))).toBe(true);
    expect(await store.isDefinitionUsed("c".repeat(64))).toBe(false);
    await store.deleteRun(one.id);
    expect(await store.isDefinitionUsed("b".repeat(64))).toBe(true);
    await store.deleteRun(two.id);
    expect(await store.isDefinitionUsed("b".repeat(64))).toBe(false);
  });
}
