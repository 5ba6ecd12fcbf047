import { backoffDelayMs } from "../../base/backoff.ts";
import { ServiceError } from "../../domain/errors.ts";
import type { Run } from "../../domain/run.ts";
import { isTerminal } from "../../domain/run-state.ts";
import { EngineError } from "../../engines/engine-error.ts";
import type { Carried, StepParts } from "./carried.ts";
import { download } from "./downloading-step.ts";
import { messageOf } from "../run/failures.ts";
import { insist } from "../run/insist.ts";
import { awaitEnd, stopLearners } from "./running-step.ts";
import { store } from "./storing-step.ts";
import { tellWithheld } from "../run/withheld-devices.ts";

/** Trouble of our own (a database that is busy, a full disk) is tried again for ever; it is not the run's fault. */
const TROUBLE_BACKOFF = { attempts: Infinity, firstDelayMs: 200, maxDelayMs: 10_000 };

/**
 * Carries each run that holds devices from `downloading` to its end, one step for each state:
 *
 *   downloading  downloading-step.ts  stage code and data, start the learners   → running, or → storing when that failed
 *   running      running-step.ts      wait for the learners' end                → storing
 *   storing      storing-step.ts      put logs and results into the bucket      → completed | failed | canceled
 *
 * From the first two a failure that may pass leads back to `pending`, where the run is carried no longer (attempt-end.ts).
 *
 * Each step can be repeated after a crash of the service and finds what it did before.
 */
export class Lifecycle {
  readonly #parts: StepParts;
  readonly #shutdown = new AbortController();
  readonly #carried = new Map<string, { readonly carried: Carried; readonly done: Promise<boolean> }>();
  /** Runs that wait again and were not told yet. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(parts: StepParts) {
    this.#parts = parts;
  }

  /** Takes care of the run from its present state on. A run that is carried already is left alone. */
  carry(run: Run): void {
    if (this.#carried.has(run.id) || this.#shutdown.signal.aborted) return;
    const carried: Carried = {
      stop: new AbortController(),
      giveUp: new AbortController(),
      over: new AbortController(),
      wasStoring: run.state === "storing",
      handles: [],
    };
    const done = this.#supervise(run.id, carried).finally(() => {
      carried.over.abort();
      this.#carried.delete(run.id);
    });
    this.#carried.set(run.id, { carried, done });
    void done.then((waits) => (waits ? this.#letWait(run.id) : undefined));
  }

  /**
   * A run that waits again is told only when it is carried no longer, for it may be granted devices at once. What has
   * become of it by then is read anew: a wish to stop that came while it was still carried has nobody else to see to it.
   */
  #letWait(id: string): void {
    const { book, clock, log } = this.#parts;
    const look = async (): Promise<Run | null> => book.get(id).catch(nullWhenRemoved);
    const told = insist({ clock, log }, id, look, this.#shutdown.signal)
      .then((run) => {
        if (run?.state === "pending") this.#parts.onWaiting(run);
        else if (run !== null && !isTerminal(run.state)) this.carry(run);
      })
      // The server ends; the next one reads all runs.
      .catch(() => undefined)
      .finally(() => this.#leaving.delete(told));
    this.#leaving.add(told);
  }

  /** Asks the run's program to end for a reason of the service's own, and insists after the grace. May be repeated. */
  endProgram(id: string, graceMs: number): void {
    const { carried } = this.#carried.get(id) ?? {};
    if (carried !== undefined) stopLearners(this.#parts, id, carried, graceMs);
  }

  /** A wish to stop was written. May be repeated, with a shorter grace too. */
  stop(id: string, graceMs: number): void {
    const { carried } = this.#carried.get(id) ?? {};
    if (carried === undefined) return;
    carried.stop.abort();
    stopLearners(this.#parts, id, carried, graceMs);
  }

  /** Does not wait for the results bucket of a run that is being stored any longer. May be repeated. */
  endPatience(id: string): void {
    this.#carried.get(id)?.carried.giveUp.abort();
  }

  /** Lets go of every run where it is; learners live on and the next server takes over. */
  async close(): Promise<void> {
    this.#shutdown.abort(new Error("The server is ending."));
    await Promise.allSettled([...this.#carried.values()].map(({ done }) => done));
    await Promise.all(this.#leaving);
  }

  /** True when the run waits for another attempt. */
  async #supervise(id: string, carried: Carried): Promise<boolean> {
    const { book, clock, log } = this.#parts;
    let troubles = 0;
    while (!this.#shutdown.signal.aborted) {
      try {
        const run = await book.get(id);
        // Also where the write that took its devices away was done and answered with an error.
        if (run.devices.length === 0) this.#parts.onDevicesFree(id);
        if (run.state === "pending" || isTerminal(run.state)) return run.state === "pending";
        if (run.stopRequestedAt !== null) carried.stop.abort();
        await this.#step(run, carried);
        troubles = 0;
      } catch (error) {
        if (this.#shutdown.signal.aborted) return false;
        // Removed as soon as it had ended: there is nothing to carry.
        if (isRemoved(error)) return false;
        troubles += 1;
        log.error({ runId: id, error: messageOf(error), stack: (error as Error).stack }, "a run's next step failed");
        if (error instanceof EngineError) await this.#tellWithheld(id, error);
        await clock.sleep(backoffDelayMs(TROUBLE_BACKOFF, troubles), this.#shutdown.signal).catch(() => undefined);
      }
    }
    return false;
  }

  async #tellWithheld(id: string, error: EngineError): Promise<void> {
    this.#parts.onDevicesWithheld(id, error.holder);
    await tellWithheld(this.#parts.book, id, error).catch((trouble: unknown) =>
      this.#parts.log.error({ runId: id, error: messageOf(trouble) }, "a run could not be told who holds its devices"),
    );
  }

  async #step(run: Run, carried: Carried): Promise<void> {
    const shutdown = this.#shutdown.signal;
    switch (run.state) {
      case "downloading":
        return download(this.#parts, run, carried, shutdown);
      case "running":
        return awaitEnd(this.#parts, run, carried, shutdown);
      case "storing":
        return store(this.#parts, run, carried, shutdown);
      case "pending":
      case "completed":
      case "failed":
      case "canceled":
        return undefined;
    }
  }
}

function isRemoved(error: unknown): boolean {
  return error instanceof ServiceError && error.code === "run_not_found";
}

function nullWhenRemoved(error: unknown): null {
  if (isRemoved(error)) return null;
  throw error;
}
