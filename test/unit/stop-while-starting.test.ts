import { expect, test, vi } from "vitest";
import { diskFull } from "../../src/domain/errors.ts";
import type { Script } from "../../src/engines/scripted/scripted-engine.ts";
import { controlBundle } from "./control-bundle.ts";

const admin = { account: "admin" };

/** A run whose program is started, and whose row cannot be told so while `isFull`. */
async function startedUnknown(script: Script) {
  const disk = { isFull: true };
  const bundle = await controlBundle({
    script: () => script,
    database: (real) => ({
      saveRun: async (run, events) => {
        if (disk.isFull && run.state === "running") throw diskFull("the database");
        return real.saveRun(run, events);
      },
    }),
  });
  const { id } = await bundle.submit();
  await vi.waitUntil(() => bundle.logged.length > 0, { timeout: 10_000 });
  expect((await bundle.control.runs.get(id)).state).toBe("downloading");
  return { bundle, disk, id };
}

test.each([true, false])(
  "a program that ended before the wish keeps its exit code though its start was not written yet (server restarted: %s)",
  async (isRestarted) => {
    const { bundle, disk, id } = await startedUnknown({ kind: "exits", exitCode: 3 });
    await using _ = bundle;
    const asked = await bundle.control.runs.requestStop(id, 0, admin);
    expect([asked.state, asked.stopGraceMs]).toEqual(["downloading", null]);
    if (isRestarted) await bundle.control.stop();
    disk.isFull = false;
    if (isRestarted) await bundle.restart();
    expect(await bundle.untilEnded(id)).toMatchObject({ state: "failed", failure: { exitCode: 3 } });
    expect(bundle.world.executions).toHaveLength(1);
  },
);

test("a program that lives when the wish comes is stopped though its start was not written yet", async () => {
  const { bundle, disk, id } = await startedUnknown({ kind: "runs", onStop: "ends" });
  await using _ = bundle;
  await bundle.control.runs.requestStop(id, 0, admin);
  disk.isFull = false;
  expect(await bundle.untilEnded(id)).toMatchObject({ state: "canceled", failure: null });
  expect(bundle.world.living()).toEqual([]);
});
