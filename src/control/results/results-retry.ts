import { backoffDelayMs } from "../../base/backoff.ts";
import { ServiceError } from "../../domain/errors.ts";
import { resultsAlreadyStored, resultsNotKept, runStillLives } from "../../domain/results-errors.ts";
import { amend, type Run } from "../../domain/run.ts";
import { isTerminal } from "../../domain/run-state.ts";
import type { RunRemains } from "../run/remains.ts";
import { messageOf } from "../run/failures.ts";
import { tidyUpAgain } from "../removal/late-tidying.ts";
import { keepPatiently, type KeepingParts } from "./patient-keeping.ts";
import type { RetryMemory } from "./retry-memory.ts";
import type { KeptResults } from "../run/remains.ts";
import { keptHere, notStored, withoutUnstored } from "./unstored-results.ts";

/** Trouble of our own (a busy database, a full disk) is no reason to give up. */
const TROUBLE_BACKOFF = { attempts: Infinity, firstDelayMs: 200, maxDelayMs: 10_000 };

export interface RetryParts extends KeepingParts {
  readonly remains: Pick<RunRemains, "keep" | "tidyUp" | "findLeftBehind" | "resultsFolder">;
  /** Left out: a server that dies forgets what it was asked for. */
  readonly retryMemory?: RetryMemory;
  /** Whether the run directory is still there. Left out: it is. */
  isKept?(run: Run): boolean;
}

/**
 * Stores what ended runs could not store at their end. How a run ended never changes by it: it gets its `results`, a
 * line in its story, and loses the warning. Survives a crash by the memory: a request that was answered is carried out.
 */
export class ResultsRetries {
  readonly #parts: RetryParts;
  readonly #ending = new AbortController();
  readonly #underWay = new Map<string, { readonly pause: AbortController; readonly done: Promise<void> }>();

  constructor(parts: RetryParts) {
    this.#parts = parts;
  }

  /** Resolves once nothing can make the request forgotten. One that is under way already is left to itself. */
  async request(id: string, account: string): Promise<Run> {
    const { book, retryMemory } = this.#parts;
    const run = await this.refuseWhatCannotBe(id);
    if (this.#underWay.has(id)) return run;
    await retryMemory?.add(id);
    const message = `${account} asked to store the results again.`;
    const asked = await book.update(id, (latest, now) => ({
      run: amend(latest, now, {}),
      events: [{ type: "results_retry", message }],
    }));
    this.#begin(id, false);
    return asked;
  }

  /** Takes up what a server before this one was asked for. */
  async start(): Promise<void> {
    for (const id of (await this.#parts.retryMemory?.list()) ?? []) this.#begin(id, true);
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error("The server is ending."));
    await Promise.all(this.#underWay.values().map(({ done }) => done));
  }

  /**
   * Does what takes a run's directory away while nothing stores results out of it: what it no longer finds there, it would
   * take for results that there never were, and the bucket's marker would say that all are stored.
   */
  async without<T>(id: string, act: () => Promise<T>): Promise<T> {
    const underWay = this.#underWay.get(id);
    if (underWay === undefined) return act();
    underWay.pause.abort(new Error("The run is being removed."));
    await underWay.done;
    try {
      return await act();
    } finally {
      // Finds out by itself that the run is gone, or goes on.
      this.#begin(id, true);
    }
  }

  /** The run, when there is something of it to store again; rejects with what is in the way. */
  async refuseWhatCannotBe(id: string): Promise<Run> {
    const run = await this.#parts.book.get(id);
    this.#refuseWhatCannotBe(run);
    return run;
  }

  #refuseWhatCannotBe(run: Run): void {
    if (!isTerminal(run.state)) throw runStillLives(run.id, run.state);
    if (run.results !== null) throw resultsAlreadyStored(run.id);
    if (run.outcome === null || this.#parts.isKept?.(run) === false) throw resultsNotKept(run.id);
  }

  #begin(id: string, isResumed: boolean): void {
    if (this.#underWay.has(id) || this.#ending.signal.aborted) return;
    const pause = new AbortController();
    const signal = AbortSignal.any([this.#ending.signal, pause.signal]);
    const done = this.#insist(id, isResumed, signal).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, { pause, done });
  }

  /** Never rejects. */
  async #insist(id: string, isResumed: boolean, signal: AbortSignal): Promise<void> {
    const { clock, log, retryMemory } = this.#parts;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await this.#retry(id, signal);
        await retryMemory?.remove(id);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const isOver = error instanceof ServiceError && error.kind !== "unavailable";
        if (isOver) return await this.#forget(id, error);
        log.error({ runId: id, isResumed, error: messageOf(error) }, "results could not be stored again; trying on");
        await clock.sleep(backoffDelayMs(TROUBLE_BACKOFF, attempt), signal).catch(() => undefined);
      }
    }
  }

  /** The run is gone, or what it kept here. */
  async #forget(id: string, why: ServiceError): Promise<void> {
    const { log, retryMemory } = this.#parts;
    await retryMemory?.remove(id).catch((error: unknown) => {
      log.error({ runId: id, why: why.message, error: messageOf(error) }, "a request to store results stays behind");
    });
  }

  async #retry(id: string, signal: AbortSignal): Promise<void> {
    const { book, remains } = this.#parts;
    const run = await book.get(id);
    // A server before this one had stored them, and died over tidying up.
    if (isTerminal(run.state) && run.results !== null) return this.#tidying(run, tidyUpAgain(remains, run));
    this.#refuseWhatCannotBe(run);
    const { outcome } = run;
    if (outcome === null) return;
    const kept = await keepPatiently(this.#parts, run, outcome, true, signal);
    if (kept.isStored) return this.#tellStored(run, kept);
    const message = notStored(run, kept.reason);
    await book.update(id, (latest, now) => {
      const again = `${message} They were tried again until ${now.toISOString()}. ${keptHere(run, remains.resultsFolder(run))}`;
      return {
        run: amend(latest, now, { warnings: [...withoutUnstored(latest.warnings), again] }),
        events: [{ type: "results_not_stored", message }],
      };
    });
  }

  async #tellStored(run: Run, { stored, warnings, unreadFiles = 0 }: KeptResults): Promise<void> {
    const { book, remains } = this.#parts;
    const leftBehind = await remains.findLeftBehind(run).catch(() => null); // As at the end of the run.
    const added = leftBehind === null ? warnings : [...warnings, leftBehind];
    await book.update(run.id, (latest, now) => ({
      run: amend(latest, now, {
        results: stored,
        warnings: [...new Set([...withoutUnstored(latest.warnings), ...added])],
      }),
      events: [{ type: "results_stored", message: `${stored.objects} objects stored.` }],
    }));
    await this.#tidying(run, remains.tidyUp(run, unreadFiles === 0, leftBehind !== null));
  }

  async #tidying(run: Run, work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      this.#parts.log.error({ runId: run.id, error: messageOf(error) }, "a run's folders could not be tidied up");
    });
  }
}
