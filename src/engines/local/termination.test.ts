import { describe, expect, it } from "vitest";
import { localSetup, programOutput, readLog } from "./conformance.ts";

const NEVER = new AbortController().signal;

describe("a stop", () => {
  it("lets a program save what it has, and keeps what it says meanwhile", async () => {
    await using place = await localSetup();
    const engine = place.connect();
    const { task, handle } = await place.begin(
      engine,
      "trap 'echo saving; sleep 0.1; echo saved; exit 9' TERM; echo ready; while :; do :; done",
    );
    await engine.stop(handle, 10_000);
    expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ exitCode: 9 });
    expect(await programOutput(task, 9)).toBe("ready\nsaving\nsaved\n");
  });

  it("gives that time to a program whose shell has already ended", async () => {
    await using place = await localSetup();
    const engine = place.connect();
    const { task, handle } = await place.begin(
      engine,
      `sh -c 'trap "sleep 0.2; echo saved; exit" TERM; echo ready; while :; do sleep 0.01; done'; echo never`,
    );
    const ending = engine.waitForEnd(handle, NEVER);
    await engine.stop(handle, 10_000);
    expect(await ending).toMatchObject({ exitCode: 143 });
    expect(await readLog(task)).toMatch(/\nsaved\nTraining process finished. Exit code: 143\n/);
  });

  it("ends sooner when a later one gives less time", async () => {
    await using place = await localSetup();
    const engine = place.connect();
    const { handle } = await place.begin(engine, "trap '' TERM; echo ready; exec sleep 1000");
    const patient = engine.stop(handle, 3_600_000);
    await engine.stop(handle, 0);
    await patient;
    expect(await engine.observe(handle)).toMatchObject({ status: "exited", exitCode: 137 });
  });

  it("by another server ends a learner it has not started", async () => {
    await using place = await localSetup();
    const { handle } = await place.begin(place.connect(), "trap '' TERM; echo ready; sleep 1000");
    const engine = place.connect();
    await engine.stop(handle, 20);
    expect(await engine.observe(handle)).toMatchObject({ status: "exited", exitCode: 137 });
  });
});
