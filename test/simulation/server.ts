import type { Clock } from "../../src/base/clock.ts";
import type { RunRemains } from "../../src/control/run/remains.ts";
import { createDuties, type Duties, type DutyParts } from "../../src/control/duties.ts";
import type { RetryMemory } from "../../src/control/results/retry-memory.ts";
import type { ServiceLog } from "../../src/control/run/service-log.ts";
import type { TimeMark } from "../../src/control/removal/trusted-time.ts";
import type { Engine } from "../../src/engines/engine.ts";
import type { Store } from "../../src/store/store.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { faultyStore } from "./faulty-store.ts";
import { Life } from "./life.ts";
import { MemoryStore } from "./memory-store.ts";
import { simulatedEngine } from "./simulated-engine.ts";
import { simulatedPreparation, simulatedRemains } from "./simulated-files.ts";
import type { World } from "./world.ts";

export interface Server {
  readonly life: Life;
  readonly duties: Duties;
}

/** Methods in the place of the real ones: a bug that the observer must find. */
export interface Plant {
  readonly store?: (real: Store) => Partial<Store>;
  readonly engine?: (real: Engine, clock: Clock) => Partial<Engine>;
  readonly remains?: (real: RunRemains) => Partial<RunRemains>;
  readonly duties?: (parts: DutyParts) => Partial<DutyParts>;
}

/** Nothing of it may be asked for: the part that needs it does not run here. */
const ABSENT = new Proxy({}, { get: (_, name) => fail(`The simulation has no '${String(name)}'.`) }) as never;

/** One server over the world, as its program would build it; not started yet. */
export function buildServer(world: World, plant: Plant = {}): Server {
  const life = new Life(world.time, () => world.wallMs());
  const clock = life.clock();
  const memory = new MemoryStore(
    world.disk,
    () => clock.now(),
    (change) => world.observer.changed(change),
  );
  const store = changed(faultyStore(world, life, memory), plant.store);
  const engine = changed(simulatedEngine(world, life), (real) => plant.engine?.(real, clock) ?? {});
  const log = serverLog(world);
  const parts = { world, life, clock, engine, log };
  const whole: DutyParts = {
    home: "/home",
    clock,
    store,
    engine,
    log,
    machine: { cores: 4, devices: world.devices },
    preparation: simulatedPreparation(parts),
    remains: changed(simulatedRemains(parts), plant.remains),
    companions: [],
    ...folders(store),
    ...times(world, life),
    stopGraceMs: 10_000,
    resultsGiveUpMs: 60_000,
    resultsRetries: { retryMemory: retryMemory(world, life), isKept: () => true },
    holdsOnlyCopy: async () => false,
    retentionDays: world.retentionDays,
    deleteUndoMs: world.deleteUndoMs,
    attemptRules: { defaultTimeLimitMs: null, maxTimeLimitMs: null, maxRetries: 10, retryDelayMs: 1_000 },
    sealCredentials: () => "",
    openCredentials: async () => ({ data: null, results: null }),
    dataStores: ABSENT,
    environments: ABSENT,
    archiveLimits: ABSENT,
  };
  return { life, duties: createDuties({ ...whole, ...plant.duties?.(whole) }) };
}

function changed<T extends object>(real: T, plant: ((real: T) => Partial<T>) | undefined): T {
  return plant === undefined ? real : withMethods(real, plant(real));
}

/** Definitions and trash of a home without files: only what they do to the store is left. */
function folders(store: Store): Pick<DutyParts, "definitions" | "trash"> {
  return {
    definitions: {
      takeOver: async (_zip, _sha256, register) => register(null),
      removeUnused: async () => {},
      sweep: async () => {},
    },
    trash: { remove: async (id, version) => store.deleteRun(id, version), recover: async () => {} },
  };
}

/** What the machine remembers of the time. */
function times(world: World, life: Life): Required<Pick<DutyParts, "machineTime" | "timeMemory">> {
  const machineTime = {
    bootId: async () => life.hold(Promise.resolve(String(world.boots))),
    uptimeMs: () => world.time.nowMs - world.bootedMs,
  };
  const timeMemory = {
    ...machineTime,
    read: async () => life.call(1, 0, () => world.timeMark),
    write: async (mark: TimeMark) => life.call(1, 0, () => void (world.timeMark = mark)),
  };
  return { machineTime, timeMemory };
}

/** Which results are to be stored again. */
function retryMemory({ resultsRetries }: World, life: Life): RetryMemory {
  return {
    add: async (id) => life.call(1, 0, () => void resultsRetries.add(id)),
    remove: async (id) => life.call(1, 0, () => void resultsRetries.delete(id)),
    list: async () => life.call(1, 0, () => [...resultsRetries]),
  };
}

/** What the world makes happen says so in its message. Anything else that a duty complains of is its own mistake. */
const EXPECTED = /simulated|somebody else at the same moment|cannot be deleted yet|went away|The server is ending/;

function serverLog(world: World): ServiceLog {
  const write = (fields: object, message: string): void => {
    const error = "error" in fields ? String(fields.error) : "";
    world.trace.add(`log ${"runId" in fields ? String(fields.runId) : ""} ${message}: ${error}`);
    if (error !== "" && !EXPECTED.test(error)) world.observer.fail(14, `a duty stumbled: ${message}: ${error}`);
  };
  return { info: () => {}, warn: write, error: write };
}

function fail(message: string): never {
  throw new Error(message);
}
