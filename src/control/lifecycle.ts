import { join } from "node:path";
import { backoffDelayMs } from "../base/backoff.ts";
import { ServiceError } from "../domain/errors.ts";
import type { Run, RunOutcome } from "../domain/run.ts";
import { isTerminal } from "../domain/run-state.ts";
import { EngineError } from "../engines/engine-error.ts";
import type { Handle } from "../engines/engine.ts";
import { readTail } from "../logs/log-file.ts";
import { awaitEndings, outcomeOfEndings } from "./endings.ts";
import { failed, isPassingTrouble, messageOf, outcomeOfStaging, type FailureContext } from "./failures.ts";
import { insist } from "./insist.ts";
import { findLeftBehind } from "./left-behind.ts";
import { prepareAndStart, type PreparationParts, type Started } from "./preparation.ts";
import { explainMissingLog, keepResults, tidyUp, type KeeperParts, type KeptResults } from "./result-keeper.ts";
import type { RunBook } from "./run-book.ts";
import { learnerDirectory, learnersOf, runDirectory, TRAINING_LOG } from "./run-directory.ts";
import { tellWithheld } from "./withheld-devices.ts";

const LOG_TAIL_LINES = 20;
const LOG_TAIL_BYTES = 16 * 1024;
/** Trouble of our own (a database that is busy, a full disk) is tried again for ever; it is not the run's fault. */
const TROUBLE_BACKOFF = { attempts: Infinity, firstDelayMs: 200, maxDelayMs: 10_000 };

export interface LifecycleParts extends KeeperParts, PreparationParts {
  readonly book: RunBook;
  /** For the other learners of a run once one has failed. */
  readonly stopGraceMs: number;
  /** Called as soon as the run holds no device any more. */
  onDevicesFree(runId: string): void;
}

/** What this process knows of a run that it carries. */
interface Carried {
  readonly stop: AbortController;
  /** Aborted when this process carries the run no longer. */
  readonly over: AbortController;
  /** Whether a server before this one may have died while it stored the results. */
  readonly wasStoring: boolean;
  /** Of its learners, while they run. */
  handles: readonly Handle[];
  done: Promise<void>;
}

/**
 * Carries each run that holds devices from `downloading` to its end, one step for each state:
 *
 *   downloading  stage code and data, start the learner      → running, or → storing when that failed
 *   running      wait for the learner's end                  → storing
 *   storing      put logs and results into the bucket        → completed | failed | canceled
 *
 * Each step can be repeated after a crash of the service and finds what it did before.
 */
export class Lifecycle {
  readonly #parts: LifecycleParts;
  readonly #shutdown = new AbortController();
  readonly #carried = new Map<string, Carried>();

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  /** Takes care of the run from its present state on. A run that is carried already is left alone. */
  carry(run: Run): void {
    if (this.#carried.has(run.id) || this.#shutdown.signal.aborted) return;
    const carried: Carried = {
      stop: new AbortController(),
      over: new AbortController(),
      wasStoring: run.state === "storing",
      handles: [],
      done: Promise.resolve(),
    };
    this.#carried.set(run.id, carried);
    carried.done = this.#supervise(run.id, carried).finally(() => {
      carried.over.abort();
      this.#carried.delete(run.id);
    });
  }

  /** A wish to stop was written. May be repeated, with a shorter grace too. */
  stop(id: string, graceMs: number): void {
    const carried = this.#carried.get(id);
    if (carried === undefined) return;
    carried.stop.abort();
    this.#stopLearners(id, carried, graceMs);
  }

  /** Lets go of every run where it is; learners live on and the next server takes over. */
  async close(): Promise<void> {
    this.#shutdown.abort(new Error("The server is ending."));
    await Promise.allSettled([...this.#carried.values()].map((carried) => carried.done));
  }

  async #supervise(id: string, carried: Carried): Promise<void> {
    const { book, clock, log } = this.#parts;
    let troubles = 0;
    while (!this.#shutdown.signal.aborted) {
      try {
        const run = await book.get(id);
        if (run.state === "pending" || isTerminal(run.state)) return;
        if (run.stopRequestedAt !== null) carried.stop.abort();
        await this.#step(run, carried);
        troubles = 0;
      } catch (error) {
        if (this.#shutdown.signal.aborted) return;
        // Removed as soon as it had ended: there is nothing to carry.
        if (error instanceof ServiceError && error.code === "run_not_found") return;
        troubles += 1;
        log.error({ runId: id, error: messageOf(error), stack: (error as Error).stack }, "a run's next step failed");
        if (error instanceof EngineError) await this.#tellWithheld(id, error);
        await clock.sleep(backoffDelayMs(TROUBLE_BACKOFF, troubles), this.#shutdown.signal).catch(() => undefined);
      }
    }
  }

  async #tellWithheld(id: string, error: EngineError): Promise<void> {
    await tellWithheld(this.#parts.book, id, error).catch((trouble: unknown) =>
      this.#parts.log.error({ runId: id, error: messageOf(trouble) }, "a run could not be told who holds its devices"),
    );
  }

  async #step(run: Run, carried: Carried): Promise<void> {
    switch (run.state) {
      case "downloading":
        return this.#prepareAndStart(run, carried);
      case "running":
        return this.#awaitEnd(run, carried);
      case "storing":
        return this.#keep(run, carried);
      case "pending":
      case "completed":
      case "failed":
      case "canceled":
        return undefined;
    }
  }

  async #prepareAndStart(run: Run, carried: Carried): Promise<void> {
    const { book, clock, log } = this.#parts;
    const signals = { stop: carried.stop.signal, shutdown: this.#shutdown.signal };
    const startedAt = clock.now();
    let started: Started;
    try {
      started = await prepareAndStart(this.#parts, run, startedAt, signals);
    } catch (error) {
      this.#shutdown.signal.throwIfAborted();
      if (isPassingTrouble(error)) throw error;
      if (carried.stop.signal.aborted) return this.#toStoring(run, { state: "canceled" });
      log.error({ runId: run.id, error: messageOf(error), stack: (error as Error).stack }, "a run was not started");
      return this.#toStoring(run, outcomeOfStaging(error, context(run, [])));
    }
    const { handles, environment } = started;
    const place = environment === null ? "" : ` in ${environment}`;
    await book.advance(run.id, "running", { startedAt, handles, environment }, `The program started${place}.`);
  }

  async #awaitEnd(run: Run, carried: Carried): Promise<void> {
    const { book, clock, engine, stopGraceMs } = this.#parts;
    if (run.handles.length === 0) throw new Error(`Run '${run.id}' is running without a handle.`);
    carried.handles = run.handles;
    try {
      // A wish that came before the handles were set found nobody to stop.
      if (carried.stop.signal.aborted) {
        this.#stopLearners(run.id, carried, (await book.get(run.id)).stopGraceMs ?? 0);
      }
      const onFailure = (): void => this.#stopLearners(run.id, carried, stopGraceMs);
      const now = (): Date => clock.now();
      const endings = await awaitEndings(engine, run.handles, now, onFailure, this.#shutdown.signal);
      // Read again: the wish to stop may have come while we waited.
      const latest = await book.get(run.id);
      const tails = await Promise.all(learnersOf(run).map(async (learner) => this.#logTail(run, learner)));
      const contextOf = (learner: number): FailureContext => context(run, tails[learner - 1] ?? []);
      await this.#toStoring(run, outcomeOfEndings(endings, latest, contextOf));
    } finally {
      carried.handles = [];
    }
  }

  async #logTail(run: Run, learner: number): Promise<readonly string[]> {
    const log = join(learnerDirectory(runDirectory(this.#parts.home, run.id), learner), TRAINING_LOG);
    return readTail(log, LOG_TAIL_LINES, LOG_TAIL_BYTES);
  }

  async #toStoring(run: Run, outcome: RunOutcome): Promise<void> {
    const what = outcome.state === "failed" ? outcome.failure.message : `It will end as ${outcome.state}.`;
    await this.#parts.book.advance(run.id, "storing", { outcome, devices: [] }, `Storing logs and results. ${what}`);
    this.#parts.onDevicesFree(run.id);
  }

  async #keep(run: Run, carried: Carried): Promise<void> {
    const { book, home, log } = this.#parts;
    const outcome = run.outcome;
    if (outcome === null) throw new Error(`Run '${run.id}' is storing without an outcome.`);
    const directory = runDirectory(home, run.id);
    // A definition that cannot be read again is no reason to hold up the end of the run.
    const leftBehind = await findLeftBehind(this.#parts, directory, run).catch(() => null);
    const kept = await this.#tryToKeep(run, outcome, carried);
    if (kept.isStored) {
      const { stored } = kept;
      const failure = outcome.state === "failed" ? outcome.failure : null;
      const warnings = [...run.warnings, ...kept.warnings, ...(leftBehind === null ? [] : [leftBehind])];
      const change = { results: stored, failure, warnings };
      await book.advance(run.id, outcome.state, change, `Ended as ${outcome.state}; ${stored.objects} objects stored.`);
    } else {
      await this.#endWithoutResults(run, outcome, kept.reason);
    }
    await tidyUp(directory, kept.isStored, leftBehind !== null).catch((error: unknown) =>
      log.error({ runId: run.id, error: messageOf(error) }, "a run's folders could not be tidied up"),
    );
  }

  /** Passing trouble of our own is thrown; all else is a reason that the run can end with. */
  async #tryToKeep(
    run: Run,
    outcome: RunOutcome,
    { wasStoring }: Carried,
  ): Promise<({ isStored: true } & KeptResults) | { isStored: false; reason: string }> {
    try {
      if (outcome.state === "failed" && run.startedAt === null) {
        await explainMissingLog(runDirectory(this.#parts.home, run.id), outcome.failure.message);
      }
      const credentials = await this.#parts.openCredentials(run.id);
      const kept = await keepResults(this.#parts, run, credentials, wasStoring, this.#shutdown.signal);
      return { isStored: true, ...kept };
    } catch (error) {
      this.#shutdown.signal.throwIfAborted();
      if (isPassingTrouble(error)) throw error;
      this.#parts.log.error({ runId: run.id, error: messageOf(error) }, "a run's results could not be stored");
      return { isStored: false, reason: messageOf(error) };
    }
  }

  /** The bucket did not take the results: they stay in the run directory, and the run says where. */
  async #endWithoutResults(run: Run, outcome: RunOutcome, reason: string): Promise<void> {
    const { book, home } = this.#parts;
    const { results } = runDirectory(home, run.id);
    const message = `The results could not be put into bucket '${run.spec.results.bucket}': ${reason}`;
    if (outcome.state !== "completed") {
      const change = {
        failure: outcome.state === "failed" ? outcome.failure : null,
        warnings: [...run.warnings, `${message} They are kept in ${results}.`],
      };
      await book.advance(run.id, outcome.state, change, message);
      return;
    }
    const { failure } = failed(
      context(run, await this.#logTail(run, 1)),
      "results_not_stored",
      message,
      `The program itself completed. Its results are kept on the server in ${results}.`,
      0,
    );
    await book.advance(run.id, "failed", { failure }, message);
  }

  #stopLearners(id: string, { handles, over }: Carried, graceMs: number): void {
    const { engine, clock, log } = this.#parts;
    const deadlineMs = clock.monotonicMs() + graceMs;
    for (const handle of handles) {
      const stop = async (): Promise<void> => engine.stop(handle, Math.max(0, deadlineMs - clock.monotonicMs()));
      insist(this.#parts, id, stop, over.signal).catch((error: unknown) => {
        if (!over.signal.aborted) log.error({ runId: id, error: messageOf(error) }, "a learner cannot be stopped");
      });
    }
  }
}

function context(run: Run, logTail: readonly string[]): FailureContext {
  return { phase: run.state, attempt: run.attempt, logTail };
}
