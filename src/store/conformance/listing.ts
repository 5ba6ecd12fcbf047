import { expect, test } from "vitest";
import { RUN_STATES } from "../../domain/run-state.ts";
import type { Run } from "../../domain/run.ts";
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
