import { expect, test } from "vitest";
import { amend } from "../../domain/run.ts";
import { isTerminal, RUN_STATES } from "../../domain/run-state.ts";
import { idsOf } from "./queries.ts";
import { entry, insert, sampleRun, second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeDeleting(open: OpenStore): void {
  test.each(RUN_STATES.filter((state) => !isTerminal(state)))("a run that is %s cannot be deleted", async (state) => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store, { state });
    await expect(store.deleteRun(run.id)).rejects.toMatchObject({ code: "run_not_ended" });
    expect(await store.findRun(run.id)).toEqual(run);
  });

  test.each(RUN_STATES.filter(isTerminal))("a run that is %s goes with its events and credentials", async (state) => {
    await using bundle = await open();
    const { store } = bundle;
    const run = sampleRun({ state, endedAt: second(1) });
    await store.insertRun(entry(run, { sealedCredentials: "v1.sealed" }));
    const other = await insert(store);
    expect(await store.deleteRun(run.id)).toBe(true);
    expect(await store.deleteRun(run.id)).toBe(false);
    expect(await store.findRun(run.id)).toBeUndefined();
    expect(await store.findSealedCredentials(run.id)).toBeUndefined();
    expect(await store.listEvents(run.id, 0, 10)).toEqual([]);
    expect(await idsOf(store, {})).toEqual([other.id]);
    expect(await idsOf(store, { name: run.spec.name })).toEqual([other.id]);
  });

  test("a run that was changed since the version named is not deleted", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store, { state: "failed", endedAt: second(1), deletedAt: second(2) });
    const back = amend(run, second(3), { deletedAt: null });
    await store.saveRun(back, []);
    await expect(store.deleteRun(run.id, run.version)).rejects.toMatchObject({ code: "version_conflict" });
    expect(await store.findRun(run.id)).toEqual(back);
    expect(await store.deleteRun(run.id, back.version)).toBe(true);
    expect(await store.deleteRun(run.id, back.version)).toBe(false);
  });

  test("deleting a run that is not there is false", async () => {
    await using bundle = await open();
    const { store } = bundle;
    expect(await store.deleteRun("training-unknown00")).toBe(false);
  });
}
