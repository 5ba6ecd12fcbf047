import { join } from "node:path";
import { backoffDelayMs } from "../base/backoff.ts";
import { environmentUnavailable, ServiceError } from "../domain/errors.ts";
import { isTerminal, type Run, type RunOutcome } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import type { Ending, Engine, Handle } from "../engines/engine.ts";
import type { Environment, EnvironmentCatalogue } from "../environments/environment.ts";
import { readTail } from "../logs/log-file.ts";
import { failed, messageOf, outcomeOfExit, outcomeOfStaging, type FailureContext } from "./failures.ts";
import { learnerTask, type Machine } from "./launcher.ts";
import { explainMissingLog, keepResults, tidyUp, type KeeperParts } from "./result-keeper.ts";
import type { RunBook } from "./run-book.ts";
import { learnerDirectory, runDirectory, TRAINING_LOG } from "./run-directory.ts";
import type { ServiceLog } from "./service-log.ts";
import { stage, type StagerParts } from "./stager.ts";

const LOG_TAIL_LINES = 20;
const LOG_TAIL_BYTES = 16 * 1024;
/** Trouble of our own (a database that is busy, a full disk) is tried again for ever; it is not the run's fault. */
const TROUBLE_BACKOFF = { attempts: Infinity, firstDelayMs: 200, maxDelayMs: 10_000 };
/** The same unexpected error this often in one state is a mistake of ours, and the run must not wait for it. */
const BUG_TRIES = 3;

export interface LifecycleParts extends KeeperParts, StagerParts {
  readonly book: RunBook;
  readonly engine: Engine;
  readonly environments: EnvironmentCatalogue;
  readonly machine: Machine;
  readonly log: ServiceLog;
  /** The PATH for a program, the environment's own programs in front. */
  pathFor(environment: Environment): Promise<string>;
  openCredentials(runId: string): Promise<Credentials>;
  /** Called as soon as the run holds no device any more. */
  onDevicesFree(runId: string): void;
}

/** What this process knows of a run that it carries. */
interface Carried {
  readonly stop: AbortController;
  /** Set while the program runs. */
  handle: Handle | null;
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
    const carried: Carried = { stop: new AbortController(), handle: null, done: Promise.resolve() };
    this.#carried.set(run.id, carried);
    carried.done = this.#supervise(run.id, carried).finally(() => this.#carried.delete(run.id));
  }

  /** A wish to stop was written. May be repeated, with a shorter grace too. */
  stop(id: string, graceMs: number): void {
    const carried = this.#carried.get(id);
    if (carried === undefined) return;
    carried.stop.abort();
    if (carried.handle !== null) this.#stopLearner(id, carried.handle, graceMs);
  }

  /** Lets go of every run where it is; learners live on and the next server takes over. */
  async close(): Promise<void> {
    this.#shutdown.abort(new Error("The server is ending."));
    await Promise.allSettled([...this.#carried.values()].map((carried) => carried.done));
  }

  async #supervise(id: string, carried: Carried): Promise<void> {
    const { book, clock, log } = this.#parts;
    let troubles = 0;
    let failedVersion = -1;
    while (!this.#shutdown.signal.aborted) {
      let version = -1;
      try {
        const run = await book.get(id);
        version = run.version;
        if (run.state === "pending" || isTerminal(run.state)) return;
        if (run.stopRequestedAt !== null) carried.stop.abort();
        await this.#step(run, carried, failedVersion === version && troubles >= BUG_TRIES);
        troubles = 0;
      } catch (error) {
        if (this.#shutdown.signal.aborted) return;
        troubles = failedVersion === version ? troubles + 1 : 1;
        failedVersion = version;
        log.error({ runId: id, error: messageOf(error), stack: (error as Error).stack }, "a run's next step failed");
        // Removed meanwhile: there is nothing to carry.
        if (error instanceof ServiceError && error.code === "run_not_found") return;
        await clock.sleep(backoffDelayMs(TROUBLE_BACKOFF, troubles), this.#shutdown.signal).catch(() => undefined);
      }
    }
  }

  async #step(run: Run, carried: Carried, isStuck: boolean): Promise<void> {
    switch (run.state) {
      case "downloading":
        return isStuck ? this.#giveUp(run) : this.#prepareAndStart(run, carried);
      case "running":
        return this.#awaitEnd(run, carried);
      case "storing":
        return this.#keep(run);
      case "pending":
      case "completed":
      case "failed":
      case "canceled":
        return undefined;
    }
  }

  async #prepareAndStart(run: Run, carried: Carried): Promise<void> {
    const { book, clock, engine, home } = this.#parts;
    const signal = AbortSignal.any([carried.stop.signal, this.#shutdown.signal]);
    const startedAt = clock.now();
    let environment: Environment;
    let handle: Handle;
    try {
      // After a crash the learner may be at work already; then there is only its end to wait for.
      const directory = runDirectory(home, run.id);
      const found = await engine.find(learnerDirectory(directory, 1), run.attempt);
      environment = await this.#environmentOf(run, signal);
      if (found === undefined) {
        signal.throwIfAborted();
        await stage(this.#parts, run, await this.#parts.openCredentials(run.id), signal);
        const path = await this.#parts.pathFor(environment);
        const task = learnerTask(run, 1, directory, environment, path, this.#parts.machine, startedAt);
        handle = await engine.start(task, signal);
      } else {
        handle = found;
      }
    } catch (error) {
      this.#shutdown.signal.throwIfAborted();
      const isStopped = carried.stop.signal.aborted;
      if (!isStopped && error instanceof ServiceError && error.kind === "unavailable") throw error;
      return this.#toStoring(run, isStopped ? { state: "canceled" } : outcomeOfStaging(error, context(run, [])));
    }
    const change = { startedAt, handles: [handle], environment: environment.label };
    await book.advance(run.id, "running", change, `The program started in ${environment.label}.`);
  }

  async #environmentOf(run: Run, signal: AbortSignal): Promise<Environment> {
    const { name, version } = run.spec.framework;
    const resolution = await this.#parts.environments.resolve(name, version, signal);
    if (!resolution.found) throw environmentUnavailable(name, version, resolution.fact, resolution.hint);
    return resolution.environment;
  }

  async #awaitEnd(run: Run, carried: Carried): Promise<void> {
    const handle = run.handles[0];
    if (handle === undefined) throw new Error(`Run '${run.id}' is running without a handle.`);
    carried.handle = handle;
    try {
      // A wish that came before the handle was set found nobody to stop.
      if (carried.stop.signal.aborted)
        this.#stopLearner(run.id, handle, (await this.#parts.book.get(run.id)).stopGraceMs ?? 0);
      const ending = await this.#parts.engine.waitForEnd(handle, this.#shutdown.signal);
      await this.#toStoring(run, await this.#outcomeOf(run.id, ending));
    } finally {
      carried.handle = null;
    }
  }

  async #outcomeOf(id: string, ending: Ending): Promise<RunOutcome> {
    // Read again: the wish to stop may have come while we waited.
    const run = await this.#parts.book.get(id);
    const facts = context(run, await this.#logTail(run));
    if (ending.status === "exited") {
      const endedByItself = run.stopRequestedAt === null || ending.endedAt < run.stopRequestedAt;
      return endedByItself ? outcomeOfExit(ending.exitCode, ending.signal, facts) : { state: "canceled" };
    }
    if (run.stopRequestedAt !== null) return { state: "canceled" };
    return failed(
      facts,
      "learner_lost",
      `The program vanished: ${ending.reason}.`,
      "Nobody saw how it ended, so it is not counted as a success. Submit it again.",
    );
  }

  async #logTail(run: Run): Promise<readonly string[]> {
    const log = join(learnerDirectory(runDirectory(this.#parts.home, run.id), 1), TRAINING_LOG);
    return readTail(log, LOG_TAIL_LINES, LOG_TAIL_BYTES);
  }

  async #toStoring(run: Run, outcome: RunOutcome): Promise<void> {
    const what = outcome.state === "failed" ? outcome.failure.message : `It will end as ${outcome.state}.`;
    await this.#parts.book.advance(run.id, "storing", { outcome, devices: [] }, `Storing logs and results. ${what}`);
    this.#parts.onDevicesFree(run.id);
  }

  async #keep(run: Run): Promise<void> {
    const { book, home, log } = this.#parts;
    const outcome = run.outcome;
    if (outcome === null) throw new Error(`Run '${run.id}' is storing without an outcome.`);
    const directory = runDirectory(home, run.id);
    if (outcome.state === "failed") await explainMissingLog(directory, outcome.failure.message);
    try {
      const credentials = await this.#parts.openCredentials(run.id);
      const { stored, warnings } = await keepResults(this.#parts, run, credentials, this.#shutdown.signal);
      const change = {
        results: stored,
        failure: outcome.state === "failed" ? outcome.failure : null,
        warnings: [...run.warnings, ...warnings],
      };
      await book.advance(run.id, outcome.state, change, `Ended as ${outcome.state}; ${stored.objects} objects stored.`);
    } catch (error) {
      this.#shutdown.signal.throwIfAborted();
      if (error instanceof ServiceError && error.kind !== "forbidden") throw error;
      await this.#endWithoutResults(run, outcome, error);
    }
    const ended = await book.get(run.id);
    await tidyUp(directory, ended.results !== null).catch((error: unknown) =>
      log.error({ runId: run.id, error: messageOf(error) }, "a run's folders could not be tidied up"),
    );
  }

  /** The bucket did not take the results: they stay in the run directory, and the run says where. */
  async #endWithoutResults(run: Run, outcome: RunOutcome, error: unknown): Promise<void> {
    const { book, home } = this.#parts;
    const { results } = runDirectory(home, run.id);
    const message = `The results could not be put into bucket '${run.spec.results.bucket}': ${messageOf(error)}`;
    if (outcome.state !== "completed") {
      const change = {
        failure: outcome.state === "failed" ? outcome.failure : null,
        warnings: [...run.warnings, `${message} They are kept in ${results}.`],
      };
      await book.advance(run.id, outcome.state, change, message);
      return;
    }
    const { failure } = failed(
      context(run, await this.#logTail(run)),
      "results_not_stored",
      message,
      `The program itself completed. Its results are kept on the server in ${results}.`,
      0,
    );
    await book.advance(run.id, "failed", { failure }, message);
  }

  async #giveUp(run: Run): Promise<void> {
    const hint = "This is a mistake in Trainyard; please report it with the server's log.";
    const outcome = failed(context(run, []), "service_bug", "The service could not prepare the run.", hint);
    await this.#toStoring(run, outcome);
  }

  #stopLearner(id: string, handle: Handle, graceMs: number): void {
    this.#parts.engine.stop(handle, graceMs).catch((error: unknown) => {
      this.#parts.log.error({ runId: id, error: messageOf(error) }, "a learner could not be stopped");
    });
  }
}

function context(run: Run, logTail: readonly string[]): FailureContext {
  return { phase: run.state, attempt: run.attempt, logTail };
}
