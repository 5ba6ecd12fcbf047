import { expect, test } from "vitest";
import { amend } from "../../domain/run.ts";
import { idsOf } from "./queries.ts";
import { insert, sampleRun, second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeSaving(open: OpenStore): void {
  test("every field that may change comes back as it was saved", async () => {
    await using bundle = await open();
    const run = await insert(bundle.store);
    const failure = {
      cause: "program_exit",
      phase: "running",
      attempt: 1,
      learner: null,
      exitCode: 3,
      signal: null,
      message: "python3 train.py ended with exit code 3.",
      hint: "Read the log.",
      logTail: ["Traceback", "ValueError: ü"],
    } as const;
    const saved = amend(run, second(5), {
      startedAt: second(1),
      stopRequestedAt: second(2),
      stopGraceMs: 30_000,
      devices: ["gpu-0", "gpu-3"],
      environment: "PyTorch 1.13.1 on Python 3.11.2",
      handles: [{ pid: 4711, startTicks: 99, place: "local" }],
      outcome: { state: "failed", failure },
      failure,
      results: { objects: 3, sizeBytes: 9_007_199_254_740_991, storedAt: second(4) },
      startedOnBoot: { bootId: "5c3e\n", uptimeMs: 1_234.5 },
      limitReached: { at: second(3), limitMs: 1000, ranMs: 1001.25 },
      notBefore: second(6),
      deletedAt: second(6),
      warnings: ["'a' was odd", "so was 'b'"],
    });
    await bundle.store.saveRun(saved, []);
    expect(await bundle.store.findRun(run.id)).toEqual(saved);
    expect(await (await bundle.reopen()).findRun(run.id)).toEqual(saved);
  });

  test("a save on top of a stale version is refused and changes nothing", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store);
    const ahead = amend(run, second(1), { environment: "first" });
    await store.saveRun(ahead, []);
    const late = amend(run, second(2), { environment: "second" });
    await expect(store.saveRun(late, [{ type: "state", message: "late" }])).rejects.toMatchObject({
      code: "version_conflict",
    });
    await expect(store.saveRun({ ...ahead, version: 9 }, [])).rejects.toMatchObject({ code: "version_conflict" });
    expect(await store.findRun(run.id)).toEqual(ahead);
    expect((await store.listEvents(run.id, 0, 10)).map(({ type }) => type)).toEqual(["submitted"]);
  });

  test("of many saves on top of one version exactly one is taken", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store);
    const rivals = Array.from({ length: 10 }, (_, i) => amend(run, second(1), { environment: `rival ${i}` }));
    const results = await Promise.allSettled(
      rivals.map((rival) => store.saveRun(rival, [{ type: "state", message: rival.environment ?? "" }])),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const winner = rivals[results.findIndex(({ status }) => status === "fulfilled")];
    expect(await store.findRun(run.id)).toEqual(winner);
    expect((await store.listEvents(run.id, 1, 10)).map(({ message }) => message)).toEqual([winner?.environment]);
  });

  test("a save of a run that is not there is run_not_found", async () => {
    await using bundle = await open();
    const { store } = bundle;
    await expect(store.saveRun(amend(sampleRun(), second(1), {}), [])).rejects.toMatchObject({ code: "run_not_found" });
  });

  test("a refused write among others at the same moment harms none of them", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const run = await insert(store);
    const results = await Promise.allSettled([
      insert(store),
      store.saveRun(sampleRun({ version: 2 }), []),
      insert(store),
      store.deleteRun(run.id),
      insert(store),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    expect(await idsOf(store, {})).toHaveLength(4);
  });
}
