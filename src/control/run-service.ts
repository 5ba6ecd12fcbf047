import { existsSync } from "node:fs";
import type { DefinitionContent } from "../domain/definition-content.ts";
import type { Device } from "../domain/device.ts";
import { isTerminal } from "../domain/run-state.ts";
import type { Run } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Engine } from "../engines/engine.ts";
import { LogIndexes } from "../logs/log-indexes.ts";
import type { IndexedLog } from "../logs/indexed-log.ts";
import type { LogFacts } from "../logs/log-hub.ts";
import { logIndexBase } from "./logs/log-index-watch.ts";
import type { ProgressFigures } from "../staging/staging-progress.ts";
import type { NewRun, RunEvent, RunPage, RunQuery } from "../store/store.ts";
import { frameworksIn, type NamedFramework } from "./preparation/framework-list.ts";
import type { Lifecycle } from "./life/lifecycle.ts";
import { deviceKindOf } from "./queue/machine.ts";
import { credentialsFor } from "./results/renewed-credentials.ts";
import { listResults, type ResultListing } from "./results/result-listing.ts";
import type { ResultsRetries } from "./results/results-retry.ts";
import type { RetentionPlan } from "./removal/retention-plan.ts";
import type { Delay, Delays } from "./run/delays.ts";
import { runDirectory } from "./run/run-directory.ts";
import { RunLogs } from "./logs/run-logs.ts";
import { type RemovalWish, RunRemoval, type RunRemovalParts } from "./removal/run-removal.ts";
import { SecretMasks } from "./logs/secret-masks.ts";
import { hasEndedBefore, withStopRequest } from "./life/stop-request.ts";
import { type Submission, type SubmissionParts, Submissions } from "./submissions.ts";

interface Principal {
  readonly account: string;
}

export interface RunServiceParts extends SubmissionParts, RunRemovalParts {
  readonly definitions: SubmissionParts["definitions"];
  readonly lifecycle: Lifecycle;
  readonly engine: Engine;
  readonly stopGraceMs: number;
  readonly delays: Pick<Delays, "of">;
  readonly retries: Pick<ResultsRetries, "request" | "refuseWhatCannotBe" | "without">;
  openCredentials(runId: string): Promise<Credentials>;
  /** Of the secrets in logs; left out: of the credentials alone. */
  readonly masks?: SecretMasks;
  /** Shared with what keeps them up to date while programs write; left out: nothing does. */
  readonly logIndexes?: LogIndexes;
  /** How far a run's training data is; left out: nobody knows. */
  progressOf?(run: Run): ProgressFigures | null;
}

/**
 * What can be asked of runs and done to them, for every surface. All methods may be called at once.
 *
 *   submissions.ts  how they come to be       stop-request.ts  how they are stopped
 *   run-logs.ts     where their logs are      run-removal.ts   how they go
 */
export class RunService {
  readonly #parts: RunServiceParts;
  readonly #submissions: Submissions;
  readonly #logs: RunLogs;
  readonly #logIndexes: LogIndexes;
  readonly #removal: RunRemoval;

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
    this.#submissions = new Submissions(parts);
    const masks =
      parts.masks ??
      new SecretMasks(
        async (id) => parts.openCredentials(id),
        () => null,
      );
    this.#logs = new RunLogs({ ...parts, masks });
    this.#logIndexes = parts.logIndexes ?? new LogIndexes();
    this.#removal = new RunRemoval(parts);
  }

  /**
   * Accepts a run, or refuses it before anything is created. Resolves only after code and row are on disk.
   * The same idempotency key with the same content gives the first run again (`created: false`).
   */
  async submit(request: Submission, signal: AbortSignal): Promise<{ readonly run: Run; readonly created: boolean }> {
    return this.#submissions.submit(request, signal);
  }

  /** The last step of `submit`, for a run that was judged fit: takes over the ZIP, writes the run and lets it queue up. */
  async enter(entry: NewRun, zip: DefinitionContent): Promise<{ readonly run: Run; readonly created: boolean }> {
    return this.#submissions.enter(entry, zip);
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

  /** What keeps a run that does not wait from going on now; null when nothing does. */
  delayed(run: Run): Delay | null {
    return this.#parts.delays.of(run.id);
  }

  /** Writes the wish to stop. A waiting run ends at once; a live one is asked, and insisted upon after the grace (milliseconds; null: as configured). */
  async requestStop(id: string, grace: number | null, principal: Principal): Promise<Run> {
    const { home, book, scheduler, lifecycle, engine, stopGraceMs } = this.#parts;
    const graceMs = grace ?? stopGraceMs;
    const found = await book.get(id);
    const cameTooLate = await hasEndedBefore(engine, home, found);
    const asked = await book.update(id, (run, now) =>
      withStopRequest(run, graceMs, principal.account, now, cameTooLate),
    );
    // A grant that is being written at this moment finds the run ended and gives the devices back.
    if (isTerminal(asked.state) || asked.state === "storing") scheduler.withdraw(id);
    // One that waited for another attempt has logs of those before to store, and nobody carries it.
    if (asked.state === "storing") lifecycle.carry(asked);
    // Not by the wish that led to the storing, nor by one before: what such a run leaves is waited for as usual.
    if (found.state === "storing") lifecycle.endPatience(id);
    // A start whose learners have ended already is not cut off: how they ended would be lost.
    const isStarting = cameTooLate && found.state === "downloading";
    if (!isTerminal(asked.state) && !isStarting) lifecycle.stop(id, graceMs);
    return asked;
  }

  /** Deletes the service's history of an ended run. Gives the run while it can be taken back, and null when it is gone. */
  async remove(id: string, principal: Principal, how: RemovalWish = {}): Promise<Run | null> {
    return this.#removal.remove(id, principal, how);
  }

  /** Takes the deletion of a run back. */
  async restore(id: string, principal: Principal): Promise<Run> {
    return this.#removal.restore(id, principal);
  }

  /** Removes the run for good, unless it was changed since it was read. */
  async forget(run: Run): Promise<void> {
    return this.#removal.forget(run);
  }

  /** Until when a deleted run can be taken back; null for any other. */
  undoUntil(run: Run): Date | null {
    return this.#removal.undoUntil(run);
  }

  /** What becomes of the runs that ended first, at most `limit` of them. Changes nothing. */
  async planRetention(limit: number, signal: AbortSignal): Promise<RetentionPlan> {
    return this.#removal.planRetention(limit, signal);
  }

  async events(id: string, afterSequence: number, limit: number): Promise<readonly RunEvent[]> {
    await this.#parts.book.get(id);
    return this.#parts.store.listEvents(id, afterSequence, limit);
  }

  /**
   * Stores the results of an ended run again, in the background. `manifest`, where it is not null, names the same results
   * bucket and brings credentials for it that take the place of those before.
   */
  async retryResults(id: string, manifest: string | null, principal: Principal): Promise<Run> {
    const parts = this.#parts;
    if (manifest !== null) {
      const results = credentialsFor(await parts.retries.refuseWhatCannotBe(id), manifest);
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
  async logFile(id: string, learner: number, attempt?: number): Promise<LogFacts> {
    return this.#logs.logFile(id, learner, attempt);
  }

  /** A log with its index, brought up to date; both are good until `use` has resolved. */
  async useLogIndex<T>(
    id: string,
    learner: number,
    attempt: number | undefined,
    use: (indexed: IndexedLog, facts: LogFacts) => Promise<T>,
  ): Promise<T> {
    const facts = await this.logFile(id, learner, attempt);
    const base = logIndexBase(this.#parts.home, id, attempt ?? facts.presentAttempt, learner);
    const now = this.#parts.clock.now();
    // All of it was seen by the run's end, when nobody may have looked.
    const seenAt = facts.isComplete ? ((await this.get(id)).endedAt ?? now) : now;
    return this.#logIndexes.use({ ...facts, base }, seenAt, false, async (indexed) => use(indexed, facts));
  }

  /** Resolves when the log is longer than `fromByte` or complete, whichever comes first. */
  async waitForLog(
    id: string,
    learner: number,
    fromByte: number,
    signal: AbortSignal,
    attempt?: number,
  ): Promise<void> {
    return this.#logs.waitForLog(id, learner, fromByte, signal, attempt);
  }
}
