import { awaitAll, allOrNone } from "../../src/control/preparation/all-or-none.ts";
import type { Preparation } from "../../src/control/run/preparing.ts";
import type { RunRemains } from "../../src/control/run/remains.ts";
import { learnerDirectory, learnersOf, runDirectory } from "../../src/control/run/run-directory.ts";
import type { ServiceLog } from "../../src/control/run/service-log.ts";
import type { Clock } from "../../src/base/clock.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import { diskFull } from "../../src/domain/errors.ts";
import type { Run, RunOutcome } from "../../src/domain/run.ts";
import type { Engine } from "../../src/engines/engine.ts";
import type { Life } from "./life.ts";
import type { World } from "./world.ts";

const HOME = "/home";
const ALL_UP_LIMIT_MS = 60_000;

interface Parts {
  readonly world: World;
  readonly life: Life;
  readonly clock: Clock;
  readonly engine: Engine;
  readonly log: ServiceLog;
}

/** Code, data and environment of runs that have no files. */
export function simulatedPreparation({ world, life, clock, engine, log }: Parts): Preparation {
  const stage = async (run: Run, signal: AbortSignal): Promise<void> => {
    const { weather, chance } = world;
    await clock.sleep(weather.strikes(0.05) ? chance.between(1_000, 60_000) : chance.between(1, 500), signal);
    if (weather.isDiskFull && chance.happens(0.5)) throw diskFull("simulated");
    if (!weather.strikes(0.04)) return;
    world.note(run.id, "data");
    const reason = chance.pick(["unreachable", "denied", "object_missing", "disk_full"] as const);
    throw new RemoteError(reason, `simulated: the data is ${reason}`, { retryable: reason === "unreachable" });
  };
  return {
    prepareAndStart: async (run, signals) =>
      allOrNone({ home: HOME, engine, clock, log }, run, signals, {
        startAll: async (signal) => {
          signal.throwIfAborted();
          await stage(run, signal);
          const late = new AbortController();
          const cancel = life.after(ALL_UP_LIMIT_MS, () =>
            late.abort(new DOMException("simulated: too late", "TimeoutError")),
          );
          const limit = AbortSignal.any([signal, late.signal]);
          const startedAt = clock.now();
          const starts = learnersOf(run).map(async (learner) => engine.start(taskOf(run, learner), limit));
          return { handles: await awaitAll(starts).finally(cancel), startedAt, environment: "simulated" };
        },
        labelOf: async () => "simulated",
      }),
  };
}

function taskOf(run: Run, learner: number) {
  const { devices, command } = run.spec;
  const granted = run.devices.slice((learner - 1) * devices, learner * devices);
  const directory = learnerDirectory(runDirectory(HOME, run.id), learner);
  const env = { DEVICES: granted.join(" ") };
  return { runId: run.id, attempt: run.attempt, learner, directory, workingDirectory: HOME, command, env, banner: "" };
}

/** Logs and results of runs, in a bucket that sometimes is not there. */
export function simulatedRemains({ world, life, clock }: Parts): RunRemains {
  const { weather, chance, observer, bucket } = world;
  const put = async (run: Run, object: string, signal: AbortSignal): Promise<void> => {
    if (weather.isBucketAway) {
      await clock.sleep(30_000, signal);
      if (weather.isBucketAway) throw cannotStore(world, run, "unreachable");
    }
    if (weather.strikes(0.01)) throw diskFull("simulated");
    if (weather.strikes(0.01)) throw cannotStore(world, run, "denied");
    await life.call(chance.between(1, 200), weather.strikes(0.1) ? 1_000 : 0, () => {
      observer.put(run, object);
      bucket.put(run, object);
    });
    signal.throwIfAborted();
  };
  const remains = {
    setAsideLogs: async () => life.call(1, 0, () => undefined),
    logTail: async (run: Run) => life.hold(Promise.resolve([`attempt ${run.attempt}`])),
    keep: async (run: Run, _outcome: RunOutcome, _wasCutOff: boolean, signal: AbortSignal) => {
      observer.keeping(run, life);
      try {
        signal.throwIfAborted();
        for (const object of OBJECTS) await put(run, object, signal);
        return { stored: { objects: OBJECTS.length, sizeBytes: 1, storedAt: clock.now() }, warnings: [] };
      } finally {
        observer.kept(run, life);
      }
    },
    findLeftBehind: async () => {
      if (weather.strikes(0.02)) throw new Error("simulated: the definition cannot be read");
      return life.hold(Promise.resolve(null));
    },
    tidyUp: async () => {
      if (weather.strikes(0.02)) throw new Error("simulated: the folder cannot be removed");
      await life.call(1, 0, () => undefined);
    },
    resultsFolder: (run: Run) => runDirectory(HOME, run.id).results,
  };
  return remains;
}

/** In the order in which they are stored; the marker says that the others are there. */
const OBJECTS = ["training-log.txt", "model.bin", ".log-copy-complete"] as const;

function cannotStore(world: World, run: Run, reason: "unreachable" | "denied"): RemoteError {
  world.note(run.id, "bucket");
  return new RemoteError(reason, `simulated: the bucket is ${reason}`, { retryable: reason === "unreachable" });
}

/** What lies in the bucket: for each run, which attempt wrote each object. */
export class Bucket {
  readonly #objects = new Map<string, Map<string, number>>();

  put(run: Run, object: string): void {
    const folder = this.#objects.get(run.id) ?? new Map<string, number>();
    this.#objects.set(run.id, folder.set(object, run.attempt));
  }

  /** Whether everything is there, and of this attempt. */
  isComplete(run: Run): boolean {
    const folder = this.#objects.get(run.id);
    return folder !== undefined && OBJECTS.every((object) => folder.get(object) === run.attempt);
  }
}
