import { expect, test } from "vitest";
import { entry, sampleRun, second } from "./sample-runs.ts";
import type { OpenStore } from "./store-bundle.ts";

export function describeDefinitions(open: OpenStore): void {
  test("a model definition comes back byte for byte, also to a run that brought it again, and none to others", async () => {
    await using bundle = await open();
    const [run, again] = [sampleRun(), sampleRun()];
    const definition = Buffer.from([0, 255, 80, 75, 0]);
    for (const each of [run, again]) await bundle.store.insertRun(entry(each, { definition }));
    const reopened = await bundle.reopen();
    expect(Buffer.from((await reopened.findDefinition(run.definitionSha256)) ?? []).equals(definition)).toBe(true);
    expect(await reopened.findDefinition("0".repeat(64))).toBeUndefined();
  });

  test("a model definition goes with the last run that has it", async () => {
    await using bundle = await open();
    const { store } = bundle;
    const runs = [1, 2].map((n) => sampleRun({ state: "completed", endedAt: second(n) }));
    for (const run of runs) await store.insertRun(entry(run, { definition: Buffer.from("zip") }));
    const found = [];
    for (const { id, definitionSha256 } of runs) {
      await store.deleteRun(id);
      found.push((await store.findDefinition(definitionSha256)) !== undefined);
    }
    expect(found).toEqual([true, false]);
  });
}
