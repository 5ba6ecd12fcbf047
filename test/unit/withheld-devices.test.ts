import { expect, test, vi } from "vitest";
import { EngineError } from "../../src/engines/engine-error.ts";
import { controlBundle, MANIFEST } from "./control-bundle.ts";

test("who waits is told which process of which run keeps the devices, until it is gone", async () => {
  const holder = "process 17 (python3)";
  let isHeld = true;
  await using bundle = await controlBundle({
    slots: 1,
    engine: (real) => ({
      waitForEnd: async (handle, signal) => {
        if (isHeld) throw new EngineError(`It is held by ${holder}.`, { retryable: true, holder });
        return real.waitForEnd(handle, signal);
      },
    }),
  });
  const { runs } = bundle.control;
  const first = await bundle.submit();
  const waiting = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
  const reason = (): string => runs.waiting(waiting)?.reason ?? "";
  await vi.waitUntil(() => reason().includes("withheld"), { timeout: 10_000 });
  expect(reason()).toBe(
    "It needs 1 CPU slot; 0 of 1 are free; first in the queue. " +
      `1 of 1 devices is withheld: process 17 (python3) of run ${first.id} still holds it.`,
  );
  isHeld = false;
  expect((await bundle.untilEnded(waiting.id)).state).toBe("completed");
});
