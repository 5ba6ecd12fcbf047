import { describe, expect, it, vi } from "vitest";
import { EngineError } from "./engine-error.ts";
import type { Engine, Handle, LearnerTask } from "./engine.ts";

/** What a learner of a test does. `runs` does so until it is stopped. */
export type Behaviour =
  | { readonly kind: "exits"; readonly exitCode: number }
  | { readonly kind: "runs"; readonly onStop: "ends" | "ignores" }
  | { readonly kind: "vanishes" }
  | { readonly kind: "cannot_start" };

export interface EngineSetup extends AsyncDisposable {
  /** A new engine object, as after a restart of the service. The setup closes it. */
  connect(): Engine;
  /** A learner nobody has started yet. */
  task(behaviour: Behaviour): Promise<LearnerTask>;
  /** How many times the program of the task has begun. */
  executions(task: LearnerTask): Promise<number>;
}

const NEVER = new AbortController().signal;

/** What everybody above the engines relies on. Every engine passes it, the scripted one too. */
export function describeEngine(name: string, setup: () => Promise<EngineSetup>): void {
  describe(`${name} engine`, () => {
    describeEnds(setup);
    describeRepetition(setup);
    describeStop(setup);
  });
}

function describeEnds(setup: () => Promise<EngineSetup>): void {
  it.for([0, 1, 3, 126, 127, 128, 255])("tells that a program ended with exit code %i", async (exitCode) => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await engine.start(await place.task({ kind: "exits", exitCode }), NEVER);
    const ending = await engine.waitForEnd(handle, NEVER);
    expect(ending).toMatchObject({ status: "exited", exitCode });
    expect(await engine.observe(handle)).toEqual(ending);
    expect(await engine.waitForEnd(handle, NEVER)).toEqual(ending);
  });

  it("tells that a program runs", async () => {
    await using place = await setup();
    const engine = place.connect();
    const task = await place.task({ kind: "runs", onStop: "ends" });
    const handle = await begin(place, engine, task);
    expect(await engine.observe(handle)).toEqual({ status: "running" });
    expect(engine.trackingOf(handle)).toMatch(/./);
  });

  it("calls a learner lost, never completed, when nothing tells how it ended", async () => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await engine.start(await place.task({ kind: "vanishes" }), NEVER);
    const ending = await engine.waitForEnd(handle, NEVER);
    expect(ending).toMatchObject({ status: "lost", reason: expect.stringMatching(/^it /) });
    expect(await place.connect().observe(handle)).toEqual(ending);
  });

  it("refuses with a sentence what it cannot start, and leaves nothing to be found", async () => {
    await using place = await setup();
    const engine = place.connect();
    const task = await place.task({ kind: "cannot_start" });
    const refusal = await engine.start(task, NEVER).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EngineError);
    expect(refusal).toHaveProperty("message", expect.stringMatching(/\.$/));
    expect(await engine.find(task.directory, task.attempt)).toBeUndefined();
  });
}

function describeRepetition(setup: () => Promise<EngineSetup>): void {
  it("gives the same handle for the same task and runs the program once", async () => {
    await using place = await setup();
    const engine = place.connect();
    const task = await place.task({ kind: "exits", exitCode: 0 });
    const first = await engine.start(task, NEVER);
    expect(await engine.start(task, NEVER)).toEqual(first);
    await engine.waitForEnd(first, NEVER);
    expect(await engine.start(task, NEVER)).toEqual(first);
    expect(await place.executions(task)).toBe(1);
  });

  it("runs the program once when it is started several times at the same moment", async () => {
    await using place = await setup();
    const task = await place.task({ kind: "exits", exitCode: 3 });
    const handles = await Promise.all(Array.from({ length: 4 }, () => place.connect().start(task, NEVER)));
    const [first = {}] = handles;
    expect(handles).toEqual(handles.map(() => first));
    expect(await place.connect().waitForEnd(first, NEVER)).toMatchObject({ exitCode: 3 });
    expect(await place.executions(task)).toBe(1);
  });

  it("starts another attempt of the same learner as another one", async () => {
    await using place = await setup();
    const engine = place.connect();
    const task = await place.task({ kind: "exits", exitCode: 0 });
    const first = await engine.start(task, NEVER);
    await engine.waitForEnd(first, NEVER);
    const second = await engine.start({ ...task, attempt: task.attempt + 1 }, NEVER);
    expect(second).not.toEqual(first);
    expect(await engine.waitForEnd(second, NEVER)).toMatchObject({ exitCode: 0 });
    expect(await place.executions(task)).toBe(2);
  });

  it("finds a learner again by its handle after a restart, and by its directory without one", async () => {
    await using place = await setup();
    const task = await place.task({ kind: "runs", onStop: "ends" });
    const before = place.connect();
    expect(await before.find(task.directory, task.attempt)).toBeUndefined();
    const kept = JSON.stringify(await begin(place, before, task));
    await before.close();

    const after = place.connect();
    const handle = JSON.parse(kept) as Handle;
    expect(await after.observe(handle)).toEqual({ status: "running" });
    expect(await after.find(task.directory, task.attempt)).toEqual(handle);
    expect(await after.find(task.directory, task.attempt + 1)).toBeUndefined();
    expect(await after.start(task, NEVER)).toEqual(handle);
    const ending = after.waitForEnd(handle, NEVER);
    await after.stop(handle, 5_000);
    expect(await ending).toMatchObject({ status: "exited" });
    expect(await place.executions(task)).toBe(1);
  });

  it("leaves the learner alone when nobody waits for it any more", async () => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await begin(place, engine, await place.task({ kind: "runs", onStop: "ends" }));
    const waiter = new AbortController();
    const aborted = engine.waitForEnd(handle, waiter.signal);
    const closed = engine.waitForEnd(handle, NEVER);
    waiter.abort(new Error("The waiter has gone."));
    await expect(aborted).rejects.toThrow("The waiter has gone.");
    expect(await engine.observe(handle)).toEqual({ status: "running" });

    const letGo = expect(closed).rejects.toBeInstanceOf(EngineError);
    await engine.close();
    await letGo;
    expect(await place.connect().observe(handle)).toEqual({ status: "running" });
  });

  it("lets go of a stop that is under way, and leaves the learner its grace", async () => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await begin(place, engine, await place.task({ kind: "runs", onStop: "ignores" }));
    const stopped = expect(engine.stop(handle, 600_000)).rejects.toThrow();
    await engine.close();
    await stopped;
    const after = place.connect();
    expect(await after.observe(handle)).toEqual({ status: "running" });
    await after.stop(handle, 0);
  });

  it("does not start what is no longer wanted", async () => {
    await using place = await setup();
    const engine = place.connect();
    const task = await place.task({ kind: "exits", exitCode: 0 });
    await expect(engine.start(task, AbortSignal.abort(new Error("Stopped.")))).rejects.toThrow("Stopped.");
    expect(await engine.find(task.directory, task.attempt)).toBeUndefined();
    expect(await place.executions(task)).toBe(0);
  });

  it("refuses a handle that another engine made", async () => {
    await using place = await setup();
    const engine = place.connect();
    await expect(engine.observe({ jobId: 17 })).rejects.toBeInstanceOf(EngineError);
  });
}

function describeStop(setup: () => Promise<EngineSetup>): void {
  it("stops a program that ends when it is asked", async () => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await begin(place, engine, await place.task({ kind: "runs", onStop: "ends" }));
    const ending = engine.waitForEnd(handle, NEVER);
    await engine.stop(handle, 10_000);
    expect(await engine.observe(handle)).toMatchObject({ status: "exited", exitCode: 143 });
    expect(await ending).toMatchObject({ status: "exited", exitCode: 143 });
  });

  it("kills a program that does not end within the grace", async () => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await begin(place, engine, await place.task({ kind: "runs", onStop: "ignores" }));
    await engine.stop(handle, 50);
    expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ status: "exited", exitCode: 137 });
  });

  it("stops a program that it is only about to start, and knows how it ended", async () => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await engine.start(await place.task({ kind: "runs", onStop: "ends" }), NEVER);
    await place.connect().stop(handle, 0);
    expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ status: "exited" });
  });

  it("may be asked to stop again, at the same moment and after the end", async () => {
    await using place = await setup();
    const engine = place.connect();
    const handle = await begin(place, engine, await place.task({ kind: "runs", onStop: "ends" }));
    await Promise.all([engine.stop(handle, 10_000), engine.stop(handle, 10_000)]);
    const ending = await engine.waitForEnd(handle, NEVER);
    expect(ending).toMatchObject({ status: "exited", exitCode: 143 });
    await engine.stop(handle, 10_000);
    await place.connect().stop(handle, 0);
    expect(await engine.observe(handle)).toEqual(ending);
  });
}

/** Starts a learner and waits until its program is at work. */
async function begin(place: EngineSetup, engine: Engine, task: LearnerTask): Promise<Handle> {
  const handle = await engine.start(task, NEVER);
  await vi.waitUntil(async () => (await place.executions(task)) > 0, { timeout: 5_000, interval: 5 });
  return handle;
}
