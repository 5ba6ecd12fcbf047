import { expect, test } from "vitest";
import { amend } from "../../domain/run.ts";
import { ALL, idsOf } from "./queries.ts";
import { entry, insert, sampleRun, second, walk } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeInserting(open: OpenStore): void {
  test("a run comes back as it was inserted", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = sampleRun();
    expect(await store.insertRun(entry(run))).toEqual({ run, created: true });
    expect(await store.findRun(run.id)).toEqual(run);
    expect(await (await bundle.reopen()).findRun(run.id)).toEqual(run);
  });

  test("an unknown id finds nothing", async () => {
    await using bundle = await open();
    await insert(bundle.store);
    expect(await bundle.store.findRun("training-unknown00")).toBeUndefined();
    expect(await bundle.store.findSealedCredentials("training-unknown00")).toBeUndefined();
    expect(await bundle.store.listEvents("training-unknown00", 0, 10)).toEqual([]);
  });

  test("an id that is taken is refused and the first run stays", async () => {
    await using bundle = await open();
    const run = await insert(bundle.store);
    const other = { ...run, owner: "somebody else" };
    await expect(bundle.store.insertRun(entry(other))).rejects.toMatchObject({ code: "version_conflict" });
    expect(await bundle.store.findRun(run.id)).toEqual(run);
    expect(await idsOf(bundle.store, {})).toEqual([run.id]);
  });

  test("an idempotency key used again by the same owner gives the first run as it is now", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const first = sampleRun();
    await store.insertRun(entry(first, { idempotencyKey: "key-1" }));
    const now = await walk(store, first, "downloading");
    expect(await store.insertRun(entry(sampleRun(), { idempotencyKey: "key-1" }))).toEqual({
      run: now,
      created: false,
    });
    expect(await idsOf(store, {})).toEqual([first.id]);
  });

  test("another owner may use the same idempotency key, and a deleted run's key is free again once it is gone for good", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const erika = sampleRun({ owner: "erika" });
    const max = sampleRun({ owner: "max" });
    await store.insertRun(entry(erika, { idempotencyKey: "key-1" }));
    expect(await store.insertRun(entry(max, { idempotencyKey: "key-1" }))).toMatchObject({ created: true });
    const ended = await walk(store, erika, "canceled");
    const hidden = amend(ended, second(9), { deletedAt: second(9) });
    await store.saveRun(hidden, []);
    expect(await store.insertRun(entry(sampleRun({ owner: "erika" }), { idempotencyKey: "key-1" }))).toEqual({
      run: hidden,
      created: false,
    });
    await store.deleteRun(erika.id);
    expect(await store.insertRun(entry(sampleRun({ owner: "erika" }), { idempotencyKey: "key-1" }))).toMatchObject({
      created: true,
    });
  });

  test("many submissions with one key at the same moment make one run", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => store.insertRun(entry(sampleRun(), { idempotencyKey: "key-1" }))),
    );
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ run }) => run.id)).size).toBe(1);
    expect(await idsOf(store, {})).toHaveLength(1);
  });

  test("sealed credentials come back only where there were any", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const [with_, without] = [sampleRun(), sampleRun()];
    await store.insertRun(entry(with_, { sealedCredentials: "v1.key.nonce.sealed" }));
    await store.insertRun(entry(without));
    expect(await store.findSealedCredentials(with_.id)).toBe("v1.key.nonce.sealed");
    expect(await store.findSealedCredentials(without.id)).toBeUndefined();
    expect(JSON.stringify(await store.listRuns(ALL))).not.toContain("sealed");
  });

  test("newer credentials take the place of those before, or of none", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const [with_, without] = [sampleRun(), sampleRun()];
    await store.insertRun(entry(with_, { sealedCredentials: "v1.key.nonce.old" }));
    await store.insertRun(entry(without));
    for (const { id } of [with_, without]) {
      await store.saveCredentials(id, "v1.key.nonce.new");
      expect(await store.findSealedCredentials(id)).toBe("v1.key.nonce.new");
    }
    const nobody = store.saveCredentials("training-unknown00", "v1.key.nonce.new");
    await expect(nobody).rejects.toMatchObject({ code: "run_not_found" });
  });
}
