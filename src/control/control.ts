import type { ArchiveLimits } from "../archive/archive-limits.ts";
import type { Clock } from "../base/clock.ts";
import type { DataStores } from "../datastores/data-stores.ts";
import type { Run } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Engine } from "../engines/engine.ts";
import type { Environment, EnvironmentCatalogue } from "../environments/environment.ts";
import type { Store } from "../store/store.ts";
import { Definitions } from "./definitions.ts";
import { dispatch } from "./dispatcher.ts";
import { messageOf } from "./failures.ts";
import type { Machine } from "./machine.ts";
import { Lifecycle } from "./lifecycle.ts";
import { prepareAndStart } from "./preparation.ts";
import { resume } from "./rescuer.ts";
import { keepForgetting } from "./retention.ts";
import { RunBook } from "./run-book.ts";
import { runRemains } from "./run-remains.ts";
import { RunService } from "./run-service.ts";
import { Scheduler } from "./scheduler.ts";
import type { ServiceLog } from "./service-log.ts";
import { Trash } from "./trash.ts";

export interface ControlParts {
  readonly home: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly engine: Engine;
  readonly dataStores: DataStores;
  readonly environments: EnvironmentCatalogue;
  readonly machine: Machine;
  readonly log: ServiceLog;
  readonly archiveLimits: Partial<ArchiveLimits>;
  /** The grace of a stop that names none. */
  readonly stopGraceMs: number;
  /** Null keeps ended runs for ever. */
  readonly retentionDays: number | null;
  pathFor(environment: Environment): Promise<string>;
  /** Seals credentials before they are stored; `context` binds an envelope to its run. */
  readonly keyring: {
    seal(plaintext: string, context: string): string;
    unseal(envelope: string, context: string): string;
  };
}

export interface Control {
  readonly runs: RunService;
  /** Takes over what a server before left and starts the duties. */
  start(): Promise<void>;
  /** Lets go of everything; learners live on. */
  stop(): Promise<void>;
}

/** Builds the duties of the control plane and ties them together. */
export function createControl(parts: ControlParts): Control {
  const { home, clock, store, log } = parts;
  const ending = new AbortController();
  const book = new RunBook(store, clock);
  const definitions = new Definitions(home, store);
  const trash = new Trash(home, store, log);
  /** What goes on beside the runs; the end of the server waits for it. */
  const underWay = new Set<Promise<void>>();
  const supervise = (work: Promise<void>): void => {
    const watched = work
      .catch((error: unknown) => log.error({ error: messageOf(error) }, "a duty failed"))
      .finally(() => underWay.delete(watched));
    underWay.add(watched);
  };

  const sealCredentials = (runId: string, credentials: Credentials): string =>
    parts.keyring.seal(JSON.stringify(credentials), runId);
  const openCredentials = async (runId: string): Promise<Credentials> => {
    const sealed = await store.findSealedCredentials(runId);
    return sealed === undefined
      ? { data: null, results: null }
      : (JSON.parse(parts.keyring.unseal(sealed, runId)) as Credentials);
  };

  const scheduler = new Scheduler(parts.machine.devices, (grant) => {
    const carry = (run: Run): void => lifecycle.carry(run);
    const release = (id: string): void => scheduler.release(id);
    supervise(dispatch({ book, clock, log, carry, release }, grant, ending.signal));
  });
  const lifecycle = new Lifecycle({
    book,
    clock,
    log,
    engine: parts.engine,
    preparation: {
      prepareAndStart: async (run, startedAt, signals) =>
        prepareAndStart({ ...parts, definitions, openCredentials }, run, startedAt, signals),
    },
    remains: runRemains({ ...parts, definitions, openCredentials }),
    companions: [],
    stopGraceMs: parts.stopGraceMs,
    onDevicesFree: (id) => scheduler.release(id),
  });
  const runs = new RunService({
    ...parts,
    book,
    definitions,
    trash,
    scheduler,
    lifecycle,
    sealCredentials,
    openCredentials,
  });

  return {
    runs,
    start: async () => {
      await resume({ store, scheduler, lifecycle, trash, log, machine: parts.machine });
      const remove = async (id: string): Promise<void> => runs.remove(id, { account: "retention" });
      supervise(keepForgetting({ store, clock, log, days: parts.retentionDays, remove }, ending.signal));
      supervise(definitions.sweep(ending.signal));
    },
    stop: async () => {
      ending.abort(new Error("The server is ending."));
      await lifecycle.close();
      await Promise.all(underWay);
    },
  };
}
