import { existsSync } from "node:fs";
import type { ArchiveLimits } from "../archive/archive-limits.ts";
import type { Clock } from "../base/clock.ts";
import type { MachineTime } from "../base/machine-time.ts";
import type { DataStores } from "../datastores/data-stores.ts";
import type { TransferBudget } from "../datastores/transfer-budget.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Engine } from "../engines/engine.ts";
import type { Environment, EnvironmentCatalogue } from "../environments/environment.ts";
import { pointCaches } from "../metrics/points/chart.ts";
import type { ChosenView } from "../staging/data-view.ts";
import { LogIndexes } from "../logs/log-indexes.ts";
import type { Store } from "../store/store.ts";
import type { AttemptRules } from "./queue/attempt-rules.ts";
import { Definitions } from "./removal/definitions.ts";
import { createDuties, type Duties } from "./duties.ts";
import { DataCache } from "./preparation/data-cache.ts";
import { logKeeper } from "./logs/log-keeper.ts";
import { LogArchiving } from "./logs/log-archiving.ts";
import { logIndexWatch } from "./logs/log-index-watch.ts";
import type { Machine } from "./queue/machine.ts";
import { Delays } from "./run/delays.ts";
import { holdsOnlyCopyOf } from "./results/only-copy.ts";
import { reportingContext, type Reporting } from "./preparation/launcher.ts";
import { MetricService } from "./metrics/metric-service.ts";
import { MetricsWatch } from "./metrics/metrics-watch.ts";
import { prepareAndStart } from "./preparation/preparation.ts";
import { resourcesWatch, type ResourceParts } from "./metrics/resources-watch.ts";
import { resultsSync } from "./results/results-sync.ts";
import { retryMemoryIn } from "./results/retry-memory.ts";
import { runDirectory } from "./run/run-directory.ts";
import { runRemains } from "./results/run-remains.ts";
import { SecretMasks } from "./logs/secret-masks.ts";
import { readFigures, type ControlFigures } from "./server-figures.ts";
import type { ServiceLog } from "./run/service-log.ts";
import { timeMemoryIn } from "./removal/time-memory.ts";
import { Trash } from "./removal/trash.ts";

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
  /** What the operator says of attempts; left out: as without a configuration. */
  readonly attemptRules?: AttemptRules;
  /** What time limits are measured by; left out: this machine's. */
  readonly machineTime?: MachineTime;
  /** Null keeps ended runs for ever. */
  readonly retentionDays: number | null;
  /** How long a deleted run can be taken back; 0, or left out, removes it at once. */
  readonly deleteUndoMs?: number;
  /** How long a bucket may stay away before results are left on the server; left out: an hour. */
  readonly resultsGiveUpMs?: number;
  /** How much of each learner's log is kept; null, or left out, is all. */
  readonly logMaxBytes?: number | null;
  /** What the cache of training data may keep beyond what live runs use; null, or left out: half of the free space. */
  readonly cacheMaxBytes?: number | null;
  /** What transfers may use together; left out: as without a configuration. */
  readonly transfers?: TransferBudget;
  /** By what means runs see their data; left out: the best that works here. */
  readonly dataView?: ChosenView;
  pathFor(environment: Environment): Promise<string>;
  /** What tells how much runs use; left out, they have no such curves. */
  readonly resources?: Pick<ResourceParts, "meter" | "readGpus">;
  /** Where a run's program may report metrics, and the token for it; left out where it cannot. */
  reportingFor?(runId: string): Reporting | null;
  /** Seals credentials before they are stored; `context` binds an envelope to its run. */
  readonly keyring: {
    seal(plaintext: string, context: string): string;
    unseal(envelope: string, context: string): string;
    /** Left out: programs have no token. */
    tokenFor?(context: string): string;
  };
}

export interface Control extends Pick<Duties, "runs" | "start" | "stop"> {
  readonly cache: DataCache;
  readonly metrics: MetricService;
  readonly figures: { read(): Promise<ControlFigures> };
}

/** The control plane over a home: its files, its buckets, its programs. */
export function createControl(parts: ControlParts): Control {
  const { home, store, log } = parts;
  const definitions = new Definitions(home, store);
  // Most runs of an installation without object stores have none, and nothing need not be kept secret.
  const sealCredentials = (runId: string, credentials: Credentials): string =>
    credentials.data === null && credentials.results === null
      ? ""
      : parts.keyring.seal(JSON.stringify(credentials), runId);
  const openCredentials = async (runId: string): Promise<Credentials> => {
    const sealed = await store.findSealedCredentials(runId);
    return sealed === undefined
      ? { data: null, results: null }
      : (JSON.parse(parts.keyring.unseal(sealed, runId)) as Credentials);
  };
  const masks = new SecretMasks(openCredentials, (runId) => parts.keyring.tokenFor?.(reportingContext(runId)) ?? null);
  const logIndexes = new LogIndexes();
  const delays = new Delays(parts.clock);
  const archiving = new LogArchiving(parts);
  const cache = new DataCache(parts, openCredentials);
  const { staging } = cache;
  const caches = pointCaches();
  let watch: MetricsWatch | undefined;
  const onProgress = async (runId: string, message: string): Promise<void> => cache.tell(duties.book, runId, message);
  const remains = runRemains({ ...parts, definitions, masks, openCredentials });
  const duties = createDuties({
    ...parts,
    definitions,
    delays,
    trash: new Trash(home, store, log),
    sealCredentials,
    openCredentials,
    masks,
    logIndexes,
    progressOf: (run) => cache.progressOf(run),
    preparation: {
      prepareAndStart: async (run, signals) =>
        prepareAndStart({ ...parts, definitions, openCredentials, staging, onProgress, delays }, run, signals),
    },
    remains: {
      ...remains,
      tidyUp: async (run, ...rest) => {
        await cache.release(run.id);
        const [areResultsStored] = rest;
        if (areResultsStored) await archiving.request(run);
        await remains.tidyUp(run, ...rest);
      },
    },
    companions: [],
    companionsWith: (book) => [
      // Before the logs are put away: it reads them to their end.
      (watch = new MetricsWatch({ ...parts, caches }, book)),
      ...(parts.resources === undefined
        ? []
        : [resourcesWatch({ ...parts.resources, clock: parts.clock, devices: parts.machine.devices }, watch)]),
      resultsSync({ ...parts, masks, openCredentials }, book),
      logKeeper({ ...parts, masks }, book),
      logIndexWatch({ ...parts, masks, logIndexes }),
    ],
    timeMemory: timeMemoryIn(home),
    resultsRetries: {
      retryMemory: retryMemoryIn(home),
      isKept: (run) => existsSync(runDirectory(home, run.id).root),
    },
    holdsOnlyCopy: async (run) => holdsOnlyCopyOf(home, run),
  });
  if (watch === undefined) throw new Error("The duties were made without their companions.");
  const collecting: MetricsWatch = watch;
  return {
    runs: duties.runs,
    cache,
    figures: {
      read: async () => readFigures({ store, scheduler: duties.scheduler, cache, watch: collecting }),
    },
    metrics: new MetricService({ ...parts, caches, watch: collecting, book: duties.book }),
    start: async () => {
      await cache.open();
      await duties.start();
      await archiving.start();
      cache.start(duties.scheduler);
    },
    stop: async () => {
      await cache.stop();
      await duties.stop();
      await archiving.stop();
      await collecting[Symbol.asyncDispose]();
    },
  };
}
