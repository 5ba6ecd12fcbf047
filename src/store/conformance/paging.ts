import { expect, test } from "vitest";
import type { Run } from "../../domain/run.ts";
import type { RunQuery } from "../store.ts";
import { ALL, everyPage, idsOf } from "./queries.ts";
import { insert, second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describePaging(open: OpenStore): void {
  test("runs are listed newest first, page by page, each once", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const inserted: string[] = [];
    for (let i = 0; i < 7; i += 1) inserted.unshift((await insert(store)).id);
    const first = await store.listRuns({ ...ALL, limit: 3 });
    expect(first.runs.map(({ id }) => id)).toEqual(inserted.slice(0, 3));
    expect((await everyPage(store, { ...ALL, limit: 3 })).map(({ id }) => id)).toEqual(inserted);
    expect((await store.listRuns({ ...ALL, limit: 7 })).nextCursor).toBeNull();
  });

  test("pages stay where they are while runs are inserted and deleted", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const runs: Run[] = [];
    for (let i = 0; i < 6; i += 1) runs.unshift(await insert(store, { state: "failed", endedAt: second(1) }));
    const first = await store.listRuns({ ...ALL, limit: 2 });
    await insert(store);
    // The run that the cursor stands on goes away too.
    for (const run of runs.slice(1, 2)) await store.deleteRun(run.id);
    const rest = await everyPage(store, { ...ALL, limit: 2, cursor: first.nextCursor });
    expect(rest.map(({ id }) => id)).toEqual(runs.slice(2).map(({ id }) => id));
  });

  test("the place of a deleted run is not given to a newer one", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const oldest = await insert(store);
    const ended = { state: "failed", endedAt: second(1) } as const;
    const [second_, newest] = [await insert(store, ended), await insert(store, ended)];
    const { nextCursor } = await store.listRuns({ ...ALL, limit: 1 });
    await store.deleteRun(newest.id);
    await store.deleteRun(second_.id);
    await insert(store);
    expect((await everyPage(store, { ...ALL, cursor: nextCursor })).map(({ id }) => id)).toEqual([oldest.id]);
  });

  test.each<Partial<RunQuery>>([
    {},
    { states: ["failed"] },
    { states: ["failed", "completed"] },
    { name: "digits" },
    { name: "di" },
    { name: "digits", states: ["failed"] },
    { idPrefix: "training-a" },
    { idPrefix: "training-a", name: "digits", states: ["failed"] },
  ])("with %o every run is on one page and no page is too long", async (query) => {
    await using bundle = await open();
    const { store } = bundle;
    const inserted: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const id = `training-a0000000${i}`;
      await insert(store, { id, name: `digits ${i}`, state: "failed", endedAt: second(1) });
      await insert(store, { id: `training-b0000000${i}`, name: `fashion ${i}` });
      inserted.unshift(id);
    }
    const found = (await everyPage(store, { ...ALL, ...query, limit: 2 })).map(({ id }) => id);
    expect(found.filter((id) => id.startsWith("training-a"))).toEqual(inserted);
    expect(found).toHaveLength(Object.keys(query).length === 0 ? 10 : 5);
  });

  test("states, name and the beginning of the id narrow the list, alone and together", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const a = await insert(store, { id: "training-aaaa00001", name: "MNIST digits", state: "pending" });
    const b = await insert(store, { id: "training-aaaa00002", name: "mnist fashion", state: "running" });
    const c = await insert(store, { id: "training-bbbb00001", name: "CIFAR", state: "failed", endedAt: second(1) });
    const d = await insert(store, {
      id: "training-aaab00001",
      name: "Mnist again",
      state: "failed",
      endedAt: second(1),
    });
    const of = (query: Partial<RunQuery>) => idsOf(store, query);
    expect(await of({ states: ["failed"] })).toEqual([d.id, c.id]);
    expect(await of({ states: ["failed", "pending"] })).toEqual([d.id, c.id, a.id]);
    expect(await of({ states: ["failed", "failed"] })).toEqual([d.id, c.id]);
    expect(await of({ states: ["completed"] })).toEqual([]);
    expect(await of({ name: "mNiSt" })).toEqual([d.id, b.id, a.id]);
    expect(await of({ name: "" })).toEqual([d.id, c.id, b.id, a.id]);
    expect(await of({ idPrefix: "training-aaaa" })).toEqual([b.id, a.id]);
    expect(await of({ idPrefix: "train" })).toEqual([d.id, c.id, b.id, a.id]);
    expect(await of({ idPrefix: "" })).toEqual([d.id, c.id, b.id, a.id]);
    expect(await of({ idPrefix: c.id })).toEqual([c.id]);
    expect(await of({ idPrefix: "aaaa" })).toEqual([]);
    expect(await of({ idPrefix: "TRAINING-AAAA" })).toEqual([]);
    expect(await of({ name: "mnist", states: ["failed", "running"], idPrefix: "training-aaa" })).toEqual([d.id, b.id]);
    expect(await of({ name: "mnist", states: ["failed"] })).toEqual([d.id]);
    expect(await of({ name: "fa", idPrefix: "training-a" })).toEqual([b.id]);
  });

  test.each([
    ["100%", "accuracy 100% of 5", "accuracy 1000 of 5"],
    ["a_b", "net_a_b", "net_axb"],
    ["a%b", "net_a%b", "net_aXb"],
    ["%", "5 %", "5 pct"],
    ["\\", "C:\\data", "C:/data"],
    ['"or"', 'this "or" that', "this or that"],
    ["x OR y", "try x OR y", "try x, y"],
    ["*", "all*", "all"],
    ["'; drop", "it's'; drop", "it's drop"],
    ["ÄÖ", "große äöü", "große aou"],
    ["漢字", "das 漢字 netz", "das 漢 字 netz"],
    ["🚂", "zug 🚂", "zug 🚃"],
    ["  ", "two  blanks", "one blank"],
  ])("the name part %j means these letters and nothing else", async (part, hit, miss) => {
    await using bundle = await open();
    const { store } = bundle;
    const found = await insert(store, { name: hit });
    await insert(store, { name: miss });
    expect(await idsOf(store, { name: part })).toEqual([found.id]);
  });

  test.each(["", "x", "cnVuOjA", "cnVuOg", "cnVuOjE=", "cnVuOi0x", "cnVuOjk5OTk5OTk5OTk5OTk5OTk5OTk", "1", "%00"])(
    "the cursor %j is refused",
    async (cursor) => {
      await using bundle = await open();
      const { store } = bundle;
      await expect(store.listRuns({ ...ALL, cursor })).rejects.toMatchObject({ code: "request_invalid" });
    },
  );
}
