import { expect, test } from "vitest";
import { amend } from "../../domain/run.ts";
import { insert, second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeEvents(open: OpenStore): void {
  test("a run's story begins with its submission and grows in order", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store, { owner: "erika" });
    await insert(store);
    await store.saveRun(amend(run, second(1), {}), [
      { type: "warning", message: "odd" },
      { type: "state", message: "went on" },
    ]);
    const events = await store.listEvents(run.id, 0, 10);
    expect(events).toEqual([
      { runId: run.id, sequence: 1, at: expect.any(Date), type: "submitted", message: "Submitted by erika." },
      { runId: run.id, sequence: 2, at: expect.any(Date), type: "warning", message: "odd" },
      { runId: run.id, sequence: 3, at: expect.any(Date), type: "state", message: "went on" },
    ]);
    expect(await store.listEvents(run.id, 1, 1)).toEqual(events.slice(1, 2));
    expect(await store.listEvents(run.id, 3, 10)).toEqual([]);
  });
}
