import { existsSync } from "node:fs";
import { join, normalize } from "node:path";
import type { ArchiveLimits } from "../archive/archive-limits.ts";
import { inspectArchive, type ArchiveInspection } from "../archive/inspect-archive.ts";
import type { Clock } from "../base/clock.ts";
import type { DataStores } from "../datastores/data-stores.ts";
import {
  idempotencyKeyReused,
  manifestInvalid,
  requestInvalid,
  runNotEnded,
  runNotFound,
  ServiceError,
  tooManyDevices,
} from "../domain/errors.ts";
import type { Device } from "../domain/device.ts";
import { type DefinitionContent, definitionSize } from "../domain/definition-content.ts";
import { newRunId } from "../domain/run-id.ts";
import { newRun, type Run } from "../domain/run.ts";
import { isTerminal } from "../domain/run-state.ts";
import type { Credentials, TrainingSpec } from "../domain/training-spec.ts";
import type { Engine } from "../engines/engine.ts";
import type { EnvironmentCatalogue } from "../environments/environment.ts";
import { waitForGrowth } from "../logs/log-file.ts";
import type { LogFacts } from "../logs/log-hub.ts";
import { readManifest } from "../manifest/read-manifest.ts";
import type { ProgressFigures } from "../staging/staging-progress.ts";
import type { NewRun, RunEvent, RunPage, RunQuery, Store } from "../store/store.ts";
import { archiveIn, type Definitions } from "./definitions.ts";
import { PLAIN_RULES, withinRules, type AttemptRules } from "./attempt-rules.ts";
import { deviceKindFor, deviceKindOf, waitingFor, type Machine } from "./machine.ts";
import { frameworksIn, type NamedFramework } from "./framework-list.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { listResults, type ResultListing } from "./result-listing.ts";
import { withDeletion, withRestoration } from "./deletion.ts";
import { undoUntil } from "./retention-decision.ts";
import { planRetention, type PlanParts, type RetentionPlan } from "./retention-plan.ts";
import { credentialsFor } from "./renewed-credentials.ts";
import type { ResultsRetries } from "./results-retry.ts";
import type { RunBook } from "./run-book.ts";
import { refuseMissingEnvironment } from "./run-environment.ts";
import { learnerFolderOf } from "./past-logs.ts";
import { runDirectory, TRAINING_LOG } from "./run-directory.ts";
import type { Scheduler } from "./scheduler.ts";
import { SecretMasks } from "./secret-masks.ts";
import { hasEndedBefore, withStopRequest } from "./stop-request.ts";
import type { Trash } from "./trash.ts";

export interface Submission {
  /** A file is in the home's `tmp/`, synced; the service takes it over, or leaves it to the caller when it refuses. */
  readonly zip: DefinitionContent;
  readonly sha256: string;
  readonly manifest: Uint8Array;
  /** For messages only: the file's name at the sender's. */
  readonly manifestName: string;
  readonly idempotencyKey: string | null;
  readonly principal: { readonly account: string };
}

export interface RunServiceParts {
  readonly home: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly book: RunBook;
  readonly definitions: Pick<Definitions, "takeOver" | "removeUnused">;
  readonly trash: Pick<Trash, "remove">;
  readonly scheduler: Scheduler;
  readonly lifecycle: Lifecycle;
  readonly dataStores: DataStores;
  readonly environments: EnvironmentCatalogue;
  readonly engine: Engine;
  readonly machine: Machine;
  readonly archiveLimits: Partial<ArchiveLimits>;
  readonly stopGraceMs: number;
  /** What the operator says of attempts; left out: as without a configuration. */
  readonly attemptRules?: AttemptRules;
  /** What becomes of ended and deleted runs. */
  readonly retention: Pick<PlanParts, "rules" | "time" | "holdsOnlyCopy">;
  readonly retries: Pick<ResultsRetries, "request">;
  /** Called when it cannot be told whether the run is on disk: it must not wait there without being in the queue. */
  onDoubt(id: string): void;
  sealCredentials(runId: string, credentials: Credentials): string;
  openCredentials(runId: string): Promise<Credentials>;
  /** How far a run's training data is; left out: nobody knows. */
  progressOf?(run: Run): ProgressFigures | null;
}

/** What can be asked of runs and done to them, for every surface. All methods may be called at once. */
export class RunService {
  readonly #parts: RunServiceParts;
  readonly #masks: SecretMasks;

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
    this.#masks = new SecretMasks(async (id) => parts.openCredentials(id));
  }

  /** What a device of the run is on this machine. */
  deviceKindOf(run: Run): Device["kind"] {
    return deviceKindOf(run, this.#parts.machine);
  }

  /** How far the run's training data is; null unless it is on its way. */
  stagingOf(run: Run): ProgressFigures | null {
    return this.#parts.progressOf?.(run) ?? null;
  }

  /** By what means the engine keeps the run's processes together; null while none of it runs. */
  processTrackingOf(run: Run): string | null {
    const [handle] = run.handles;
    return handle === undefined ? null : this.#parts.engine.trackingOf(handle);
  }

  /**
   * Accepts a run, or refuses it before anything is created. Resolves only after code and row are on disk.
   * The same idempotency key with the same content gives the first run again (`created: false`).
   */
  async submit(request: Submission, signal: AbortSignal): Promise<{ readonly run: Run; readonly created: boolean }> {
    const { clock } = this.#parts;
    const reading = readManifest(request.manifest, request.manifestName);
    if (reading.spec === null || reading.credentials === null) throw manifestInvalid(reading.problems);
    const { credentials } = reading;
    const spec = withinRules(reading.spec, this.#parts.attemptRules ?? PLAIN_RULES);
    await this.#refuseWhatCannotRun(spec, signal);
    const archive = await inspectArchive(archiveIn(request.zip), {
      ...this.#parts.archiveLimits,
      command: spec.command,
    });
    refuseMissingRequirements(spec.framework.requirements, archive);

    const warnings = reading.warnings.map((warning) => warning.message);
    const fresh = newRun({
      id: newRunId(),
      owner: request.principal.account,
      spec,
      definitionSha256: request.sha256,
      definitionSizeBytes: definitionSize(request.zip),
      submittedAt: clock.now(),
      deviceKind: deviceKindFor(spec, this.#parts.machine),
      warnings,
    });
    const sealedCredentials = this.#parts.sealCredentials(fresh.id, credentials);
    return this.enter({ run: fresh, sealedCredentials, idempotencyKey: request.idempotencyKey }, request.zip);
  }

  /** The last step of `submit`: takes over the ZIP, writes the run that was judged fit and lets it queue up. */
  async enter(entry: NewRun, zip: DefinitionContent): Promise<{ readonly run: Run; readonly created: boolean }> {
    const { book, definitions, scheduler, machine } = this.#parts;
    const { definitionSha256 } = entry.run;
    const insert = async (definition: Uint8Array | null) => this.#insert({ ...entry, definition });
    const { run, created } = await definitions.takeOver(zip, definitionSha256, insert);
    if (!created) {
      if (!isSameSubmission(run, entry.run)) {
        await definitions.removeUnused(definitionSha256);
        throw idempotencyKeyReused(entry.idempotencyKey ?? "", run.id);
      }
      return { run, created };
    }
    book.begin(run);
    scheduler.enqueue(waitingFor(run, machine));
    scheduler.schedule();
    return { run, created };
  }

  /** An insert that was answered with an error may be on disk all the same. */
  async #insert(entry: NewRun): Promise<{ readonly run: Run; readonly created: boolean }> {
    try {
      return await this.#parts.store.insertRun(entry);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.kind === "unavailable") this.#parts.onDoubt(entry.run.id);
      throw error;
    }
  }

  async get(id: string): Promise<Run> {
    return this.#parts.book.get(id);
  }

  async waitForChange(id: string, afterVersion: number, signal: AbortSignal): Promise<Run> {
    return this.#parts.book.waitForChange(id, afterVersion, signal);
  }

  async list(query: RunQuery): Promise<RunPage> {
    return this.#parts.store.listRuns(query);
  }

  waiting(run: Run): { readonly reason: string; readonly position: number } | null {
    return run.state === "pending" ? this.#parts.scheduler.explain(run.id) : null;
  }

  /** Writes the wish to stop. A waiting run ends at once; a live one is asked, and insisted upon after the grace (milliseconds; null: as configured). */
  async requestStop(id: string, grace: number | null, principal: { readonly account: string }): Promise<Run> {
    const { book, scheduler, lifecycle, engine, stopGraceMs } = this.#parts;
    const graceMs = grace ?? stopGraceMs;
    const cameTooLate = await hasEndedBefore(engine, await book.get(id));
    const asked = await book.update(id, (run, now) =>
      withStopRequest(run, graceMs, principal.account, now, cameTooLate),
    );
    // A grant that is being written at this moment finds the run ended and gives the devices back.
    if (isTerminal(asked.state) || asked.state === "storing") scheduler.withdraw(id);
    // One that waited for another attempt has logs of those before to store, and nobody carries it.
    if (asked.state === "storing") lifecycle.carry(asked);
    if (!isTerminal(asked.state)) lifecycle.stop(id, graceMs);
    return asked;
  }

  /**
   * Deletes the service's history and run directory of an ended run; its bucket is left alone. Gives the run while it can
   * be taken back with `restore`, and null when it is gone: `atOnce`, or where the server leaves no time for that.
   */
  async remove(id: string, principal: { readonly account: string }, atOnce = false): Promise<Run | null> {
    const { book, retention } = this.#parts;
    const found = await book.get(id);
    if (!isTerminal(found.state)) throw runNotEnded(id, found.state);
    if (atOnce || retention.rules.undoMs === 0) {
      await this.forget(found);
      return null;
    }
    if (found.deletedAt !== null) return found;
    return book.update(id, (run, now) => withDeletion(run, principal.account, now));
  }

  /** Takes the deletion of a run back. A run that is not deleted stays as it is. */
  async restore(id: string, principal: { readonly account: string }): Promise<Run> {
    const { book } = this.#parts;
    const found = await book.get(id);
    if (found.deletedAt === null) return found;
    return book.update(id, (run, now) => withRestoration(run, principal.account, now));
  }

  /** Removes the run for good, unless it was changed since it was read. */
  async forget(run: Run): Promise<void> {
    if (!(await this.#parts.trash.remove(run.id, run.version))) throw runNotFound(run.id);
    // The run is gone; should its ZIP stay for a trouble of the disk, the sweep of the next start takes it.
    await this.#parts.definitions.removeUnused(run.definitionSha256).catch(() => undefined);
  }

  /** Until when a deleted run can be taken back; null for any other. */
  undoUntil(run: Run): Date | null {
    return undoUntil(run, this.#parts.retention.rules.undoMs);
  }

  /** What becomes of the runs that ended first, at most `limit` of them. Changes nothing. */
  async planRetention(limit: number, signal: AbortSignal): Promise<RetentionPlan> {
    const { home, store, retention } = this.#parts;
    return planRetention({ home, store, ...retention }, limit, signal);
  }

  async events(id: string, afterSequence: number, limit: number): Promise<readonly RunEvent[]> {
    await this.#parts.book.get(id);
    return this.#parts.store.listEvents(id, afterSequence, limit);
  }

  /**
   * Stores the results of an ended run again, in the background. `manifest`, where it is not null, names the same results
   * bucket and brings credentials for it that take the place of those before.
   */
  async retryResults(id: string, manifest: string | null, principal: { readonly account: string }): Promise<Run> {
    const parts = this.#parts;
    if (manifest !== null) {
      const results = credentialsFor(await parts.book.get(id), manifest);
      const { data } = await parts.openCredentials(id);
      await parts.store.saveCredentials(id, parts.sealCredentials(id, { data, results }));
    }
    return parts.retries.request(id, principal.account);
  }

  async results(id: string, signal: AbortSignal): Promise<ResultListing> {
    return listResults(this.#parts, await this.#parts.book.get(id), signal);
  }

  /** What a submission may name as its framework. */
  async frameworks(signal: AbortSignal): Promise<readonly NamedFramework[]> {
    return frameworksIn(await this.#parts.environments.list(signal));
  }

  /** Where the run's own copy of its results is, while there is one. */
  localCopy(run: Run): string | null {
    const { results } = runDirectory(this.#parts.home, run.id);
    return run.results === null && run.startedAt !== null && existsSync(results) ? results : null;
  }

  /** The training log of one learner in an attempt, or in the present one. `isComplete` says that no byte will follow. */
  async logFile(
    id: string,
    learner: number,
    attempt?: number,
  ): Promise<LogFacts> {
    const run = await this.#parts.book.get(id);
    const { learners } = run.spec;
    if (learner > learners) {
      throw requestInvalid(
        `Run '${id}' has no learner ${learner}.`,
        `Its learners are numbered from 1 to ${learners}.`,
      );
    }
    const number = attempt ?? run.attempt;
    if (number > run.attempt) {
      throw requestInvalid(`Run '${id}' has no attempt ${number}.`, `It is at attempt ${run.attempt}.`);
    }
    const path = join(learnerFolderOf(runDirectory(this.#parts.home, id), run, number, learner), TRAINING_LOG);
    const isComplete = isLogComplete(run) || number < run.attempt;
    return { path, mask: await this.#masks.of(id), isComplete, presentAttempt: run.attempt, version: run.version };
  }

  /** Resolves when the log is longer than `fromByte` or complete, whichever comes first. */
  async waitForLog(
    id: string,
    learner: number,
    fromByte: number,
    signal: AbortSignal,
    attempt?: number,
  ): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    try {
      // Before it runs there is neither log nor folder to watch; the run itself tells when there is.
      const number = attempt ?? (await this.#parts.book.get(id)).attempt;
      const isOver = (run: Run): boolean => isLogComplete(run) || run.attempt > number;
      const hasBegun = (run: Run): boolean => isOver(run) || run.state === "running" || run.state === "storing";
      if (isOver(await this.#waitForState(id, hasBegun, either))) return;
      const { path } = await this.logFile(id, learner, number);
      await Promise.race([waitForGrowth(path, fromByte, either), this.#waitForState(id, isOver, either)]);
    } finally {
      done.abort();
    }
  }

  async #waitForState(id: string, isThere: (run: Run) => boolean, signal: AbortSignal): Promise<Run> {
    let run = await this.#parts.book.get(id);
    while (!isThere(run)) run = await this.#parts.book.waitForChange(id, run.version, signal);
    return run;
  }

  /** What this installation cannot do is said at submission, never found out later. */
  async #refuseWhatCannotRun(spec: TrainingSpec, signal: AbortSignal): Promise<void> {
    const { machine, dataStores, environments } = this.#parts;
    const { devices, kind } = waitingFor({ id: "", spec, deviceKind: null }, machine);
    const present = machine.devices.filter((device) => device.kind === kind).length;
    if (devices > present) throw tooManyDevices(devices, present, kind);
    if (spec.data !== null) dataStores.check(spec.data.connection, spec.data.bucket);
    dataStores.check(spec.results.connection, spec.results.bucket);
    await refuseMissingEnvironment(environments, spec.framework, signal);
  }
}

function refuseMissingRequirements(requirements: string | null, { files }: ArchiveInspection): void {
  if (requirements === null || files.some(({ path }) => path === normalize(requirements))) return;
  const message = `The model definition has no file '${requirements}', which the manifest names as its requirements.`;
  throw requestInvalid(message, "Put the file into the ZIP, or mend 'requirements' in the manifest.");
}

function isSameSubmission(a: Run, b: Run): boolean {
  return a.definitionSha256 === b.definitionSha256 && JSON.stringify(a.spec) === JSON.stringify(b.spec);
}

/** The program writes only while it runs, and the service's own lines come before `storing` ends. */
function isLogComplete(run: Run): boolean {
  return isTerminal(run.state);
}
