import { expect, test } from "vitest";
import { ALL, idsOf } from "./queries.ts";
import { insert } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeClosing(open: OpenStore): void {
  test("closing waits for the writes that were accepted, may be repeated, and refuses what comes after", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const writes = [insert(store), insert(store), insert(store)];
    await Promise.all([store.close(), store.close()]);
    const inserted = await Promise.all(writes);
    await expect(insert(store)).rejects.toMatchObject({ code: "shutting_down" });
    await expect(store.listRuns(ALL)).rejects.toMatchObject({ code: "shutting_down" });
    expect(new Set(await idsOf(await bundle.reopen(), {}))).toEqual(new Set(inserted.map(({ id }) => id)));
  });
}
