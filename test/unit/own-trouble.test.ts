import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { RunBook } from "../../src/control/run/run-book.ts";
import { tellWithheld } from "../../src/control/run/withheld-devices.ts";
import { diskFull, secretUnreadable, storeBusy, versionConflict } from "../../src/domain/errors.ts";
import type { Run } from "../../src/domain/run.ts";
import type { RunState } from "../../src/domain/run-state.ts";
import { EngineError } from "../../src/engines/engine-error.ts";
import type { LearnerTask } from "../../src/engines/engine.ts";
import { controlBundle, MANIFEST, SHELL, type BundleOptions } from "./control-bundle.ts";

const TWO_LEARNERS = MANIFEST.replace("resource: small", "compute_configuration: {name: small, nodes: 2}");
const untilStopped = (): { kind: "runs"; onStop: "ends" } => ({ kind: "runs", onStop: "ends" });

/** A database that refuses the first writes of runs that go to a state. */
function refusingWrites(state: RunState, times: number): NonNullable<BundleOptions["database"]> {
  let left = times;
  return (real) => ({
    saveRun: async (run: Run, events) => {
      if (run.state === state && left > 0) {
        left -= 1;
        throw diskFull("the database");
      }
      return real.saveRun(run, events);
    },
  });
}

test("a disk that is full while a started run is written down costs neither the run nor its devices", async () => {
  await using bundle = await controlBundle({ slots: 1, database: refusingWrites("running", 5), script: untilStopped });
  const first = await bundle.submit();
  const second = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
  const running = await bundle.untilState(first.id, "running");
  expect([running.devices, running.failure]).toEqual([["cpu-0"], null]);
  expect((await bundle.control.runs.get(second.id)).state).toBe("pending");
  expect(bundle.world.executions).toHaveLength(1);
});

test("a grant that cannot be written at once is written later", async () => {
  await using bundle = await controlBundle({ database: refusingWrites("downloading", 1) });
  expect((await bundle.untilEnded((await bundle.submit()).id)).state).toBe("completed");
});

test("an end that cannot be written at once is written later, with the results that were kept", async () => {
  await using bundle = await controlBundle({ database: refusingWrites("completed", 2) });
  expect((await bundle.untilEnded((await bundle.submit()).id)).results?.objects).toBeGreaterThan(0);
});

test("a stop of a waiting run that cannot be written is refused and changes nothing; asked again, it is done", async () => {
  await using bundle = await controlBundle({
    slots: 1,
    database: refusingWrites("canceled", 1),
    script: untilStopped,
  });
  await bundle.untilState((await bundle.submit()).id, "running");
  const waiting = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
  const stop = async () => bundle.control.runs.requestStop(waiting.id, 0, { account: "ann" });
  await expect(stop()).rejects.toMatchObject({ code: "disk_full" });
  const unchanged = await bundle.control.runs.get(waiting.id);
  expect([unchanged.state, unchanged.stopRequestedAt]).toEqual(["pending", null]);
  expect(bundle.control.runs.waiting(unchanged)?.position).toBe(1);
  expect((await stop()).state).toBe("canceled");
  expect((await bundle.control.runs.events(waiting.id, 0, 10)).map(({ type }) => type)).toEqual([
    "submitted",
    "stop_requested",
    "state",
  ]);
});

test("a stop that overtakes the grant leaves the devices to the next run", async () => {
  const isWriting = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await using bundle = await controlBundle({
    slots: 1,
    script: untilStopped,
    database: (real) => ({
      saveRun: async (run, events) => {
        if (run.state === "downloading" && run.spec.command === "first") {
          isWriting.resolve();
          await goOn.promise;
        }
        return real.saveRun(run, events);
      },
    }),
  });
  const first = await bundle.submit(MANIFEST.replace('"true"', "first"));
  await isWriting.promise;
  const second = await bundle.submit();
  const stopped = await bundle.control.runs.requestStop(first.id, 0, { account: "ann" });
  goOn.resolve();
  expect(stopped.state).toBe("canceled");
  await bundle.untilState(second.id, "running");
  expect(bundle.world.executions.map(({ runId }) => runId)).toEqual([second.id]);
});

test("an engine that could not stop a program at first is asked until it can", async () => {
  let refusals = 3;
  await using bundle = await controlBundle({
    script: untilStopped,
    engine: (real) => ({
      stop: async (handle, graceMs) => {
        if (refusals-- > 0) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
        return real.stop(handle, graceMs);
      },
    }),
  });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await bundle.control.runs.requestStop(id, 0, { account: "ann" });
  expect((await bundle.untilEnded(id)).state).toBe("canceled");
});

test("a learner that cannot be looked up is looked up until it can, and is not given up", async () => {
  let failures = 0;
  await using bundle = await controlBundle({
    script: untilStopped,
    database: refusingWrites("running", 1),
    engine: (real) => ({
      find: async (directory, attempt) => {
        const handle = await real.find(directory, attempt);
        if (handle === undefined || ++failures > 2) return handle;
        throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE", syscall: "open" });
      },
    }),
  });
  const { id } = await bundle.submit();
  expect((await bundle.untilState(id, "running")).failure).toBeNull();
  expect([failures, bundle.world.executions.length, bundle.world.living().length]).toEqual([3, 1, 1]);
});

test("a probe that fails when a live learner was found again costs the name of its environment, not the run", async () => {
  let isBroken = false;
  await using bundle = await controlBundle({
    script: untilStopped,
    database: refusingWrites("running", 1),
    environments: {
      resolve: async () => {
        if (isBroken) throw new Error("the probe was killed");
        return { found: true, environment: SHELL };
      },
      provide: async () => {
        isBroken = true;
        return { environment: SHELL, lock: null };
      },
    },
  });
  const run = await bundle.untilState((await bundle.submit()).id, "running");
  expect([run.environment, bundle.world.living().length]).toEqual([null, 1]);
});

test("a learner that comes up although its start was reported as failed does not live on", async () => {
  await using bundle = await controlBundle({
    script: untilStopped,
    engine: (real) => ({
      start: async (task: LearnerTask, signal) => {
        const handle = await real.start(task, signal);
        if (task.learner === 1) throw new EngineError("the records cannot be read", { retryable: true });
        return handle;
      },
    }),
  });
  const run = await bundle.untilEnded((await bundle.submit(TWO_LEARNERS)).id);
  expect(run).toMatchObject({ state: "failed", failure: { cause: "start_failed" } });
  expect(run.failure?.message).toContain("learner 1 of 2 did not come up: the records cannot be read");
  expect(bundle.world.living()).toEqual([]);
});

test("an attempt whose claim nobody can read ends as failed, and its other learner is stopped", async () => {
  const spoiled = new EngineError("Attempt 1 was begun by a shim that vanished", { retryable: false });
  let isSpoiled = false;
  await using bundle = await controlBundle({
    script: untilStopped,
    database: (real) => ({
      saveRun: async (run, events) => {
        if (run.state === "running") throw storeBusy("busy");
        return real.saveRun(run, events);
      },
    }),
    engine: (real) => ({
      find: async (directory, attempt) => {
        if (isSpoiled && directory.endsWith("learner-1")) throw spoiled;
        return real.find(directory, attempt);
      },
    }),
  });
  const { id } = await bundle.submit(TWO_LEARNERS);
  await expect.poll(() => bundle.world.executions.length).toBe(2);
  isSpoiled = true;
  const run = await bundle.untilEnded(id);
  expect(run).toMatchObject({ failure: { cause: "start_failed", message: expect.stringContaining("vanished") } });
  expect(bundle.world.living().map((key) => key.split(" ")[0]?.slice(-9))).toEqual(["learner-1"]);
});

test("credentials that cannot be opened any more end a run that is storing, and name the reason", async () => {
  let isReplaced = false;
  await using bundle = await controlBundle({
    database: () => ({ findSealedCredentials: async () => '{"data":null,"results":null}' }),
    unseal: (envelope) => {
      if (isReplaced) throw secretUnreadable("a run", "the key was replaced");
      return envelope;
    },
    script: () => {
      isReplaced = true;
      return { kind: "exits", exitCode: 0 };
    },
  });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  expect(run.failure).toMatchObject({
    cause: "results_not_stored",
    message: expect.stringContaining("key was replaced"),
  });
});

test("a run without credentials is stored though the key was replaced", async () => {
  const unseal = (): never => {
    throw secretUnreadable("a run", "the key was replaced");
  };
  await using bundle = await controlBundle({ unseal });
  const { id } = await bundle.submit();
  expect(await bundle.untilEnded(id)).toMatchObject({ state: "completed" });
  expect(await bundle.store.findSealedCredentials(id)).toBeUndefined();
});

test("a program that removes its own log folder ends like any other", async () => {
  const script = (task: LearnerTask) => ({ kind: "vanishes", after: rm(task.directory, { recursive: true }) }) as const;
  await using bundle = await controlBundle({ script });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  expect(run).toMatchObject({ state: "failed", failure: { cause: "learner_lost" } });
  expect(await bundle.stored(run.id, "learner-1/training-log.txt")).toBeUndefined();
});

test("a database that is busy while results are stored is asked again", async () => {
  let isBusy = true;
  await using bundle = await controlBundle({
    database: (real) => ({
      findSealedCredentials: async (id) => {
        const isStoring = (await real.findRun(id))?.state === "storing";
        if (!isStoring || !isBusy) return real.findSealedCredentials(id);
        isBusy = false;
        throw storeBusy("busy");
      },
    }),
  });
  expect(await bundle.untilEnded((await bundle.submit()).id)).toMatchObject({ state: "completed", failure: null });
  expect(isBusy).toBe(false);
});

test("a database that is busy after a restart between two starts costs neither of the learners", async () => {
  const isHanging = Promise.withResolvers<void>();
  let isFirst = true;
  let isBusy = false;
  await using bundle = await controlBundle({
    script: untilStopped,
    database: (real) => ({
      findSealedCredentials: async (id) => {
        if (!isBusy) return real.findSealedCredentials(id);
        isBusy = false;
        throw storeBusy("busy");
      },
    }),
    engine: (real) => ({
      start: async (task, signal) => {
        if (task.learner === 1 || !isFirst) return real.start(task, signal);
        isFirst = false;
        isHanging.resolve();
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
      },
    }),
  });
  const { id } = await bundle.submit(TWO_LEARNERS);
  await isHanging.promise;
  await expect.poll(() => bundle.world.executions.length).toBe(1);
  isBusy = true;
  await bundle.restart();
  await bundle.untilState(id, "running");
  expect([isBusy, bundle.world.executions.length, bundle.world.living().length]).toEqual([false, 2, 2]);
});

test("a wish to stop that meets another change of the run is written after it", async () => {
  let conflicts = 2;
  await using bundle = await controlBundle({
    script: untilStopped,
    database: (real) => ({
      saveRun: async (run, events) => {
        if (run.stopRequestedAt !== null && conflicts-- > 0) throw versionConflict(run.id);
        return real.saveRun(run, events);
      },
    }),
  });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await bundle.control.runs.requestStop(id, 0, { account: "ann" });
  expect((await bundle.untilEnded(id)).state).toBe("canceled");
});

test("a run that is stopped while it waits leaves the queue", async () => {
  await using bundle = await controlBundle({ slots: 1, script: untilStopped });
  await bundle.untilState((await bundle.submit()).id, "running");
  const first = await bundle.submit(MANIFEST, { files: { "b.sh": "true\n" } });
  const second = await bundle.submit(MANIFEST, { files: { "c.sh": "true\n" } });
  await bundle.control.runs.requestStop(first.id, 0, { account: "ann" });
  expect(bundle.control.runs.waiting(second)?.position).toBe(1);
});

test("the end of the server waits for a grant that is being written", async () => {
  const isWriting = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const order: string[] = [];
  await using bundle = await controlBundle({
    database: (real) => ({
      saveRun: async (run, events) => {
        isWriting.resolve();
        await goOn.promise;
        await real.saveRun(run, events);
        order.push("written");
      },
    }),
  });
  await bundle.submit();
  await isWriting.promise;
  const stopped = bundle.control.stop().then(() => order.push("stopped"));
  setImmediate(() => goOn.resolve());
  await stopped;
  expect(order).toEqual(["written", "stopped"]);
});

test("a mistake of the service's own is told as such, and the operator finds where it happened", async () => {
  await using bundle = await controlBundle({
    engine: () => ({
      start: async () => {
        throw new TypeError("undefined is not a function");
      },
    }),
  });
  const run = await bundle.untilEnded((await bundle.submit()).id);
  expect(run.failure).toMatchObject({
    cause: "service_bug",
    message: expect.stringContaining("undefined is not a function"),
  });
  expect(bundle.logged.join()).toContain("own-trouble.test.ts");
});

test("a server that ends while a program has its grace leaves it that, and the next one stops it", async () => {
  await using bundle = await controlBundle({ script: () => ({ kind: "runs", onStop: "ignores" }) });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await bundle.control.runs.requestStop(id, 600_000, { account: "ann" });
  await bundle.restart();
  expect([bundle.world.living().length, bundle.logged]).toEqual([1, []]);
  await bundle.control.runs.requestStop(id, 0, { account: "ann" });
  expect((await bundle.untilEnded(id)).state).toBe("canceled");
});

test("devices that are withheld are told once for each that stays, and not without end", async () => {
  await using bundle = await controlBundle({ script: untilStopped });
  const { id } = await bundle.untilState((await bundle.submit()).id, "running");
  const book = new RunBook(bundle.store, systemClock);
  for (let pid = 100; pid < 130; pid += 1) {
    const error = new EngineError(`process ${pid} does not end`, { retryable: true });
    for (const _again of [1, 2]) await tellWithheld(book, id, error);
  }
  const { warnings } = await bundle.control.runs.get(id);
  expect(warnings).toHaveLength(20);
  expect(warnings[1]).toBe("Its devices (cpu-0) are not given to others: process 101 does not end");
});
