import { EventEmitter } from "node:events";
import type { Clock } from "../base/clock.ts";
import { runNotFound, ServiceError } from "../domain/errors.ts";
import { advance, amend, type Run, type RunChange } from "../domain/run.ts";
import type { RunState } from "../domain/run-state.ts";
import type { NewRunEvent, Store } from "../store/store.ts";

const CONFLICT_TRIES = 8;

/**
 * Writes changes of runs and tells everybody in this process who waits for them. All writers of runs go through
 * here, so a change that was saved is a change that was announced.
 */
export class RunBook {
  readonly #store: Store;
  readonly #clock: Clock;
  /** One event name per run id, carrying the new version of the run. */
  readonly #changes = new EventEmitter({ captureRejections: false });

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#changes.setMaxListeners(0);
  }

  async get(id: string): Promise<Run> {
    const run = await this.#store.findRun(id);
    if (run === undefined) throw runNotFound(id);
    return run;
  }

  /** Moves the run on; a change that somebody made in between (a wish to stop, say) is kept. */
  async advance(id: string, to: RunState, change: RunChange, message: string): Promise<Run> {
    return this.#write(id, (run) => advance(run, to, this.#clock.now(), change), [{ type: "state", message }]);
  }

  /** Changes fields; `change` returns undefined to leave the run as it is. */
  async amend(
    id: string,
    change: (run: Run) => RunChange | undefined,
    events: readonly NewRunEvent[] = [],
  ): Promise<Run> {
    return this.#write(
      id,
      (run) => {
        const fields = change(run);
        return fields === undefined ? run : amend(run, this.#clock.now(), fields);
      },
      events,
    );
  }

  /** A run that was written elsewhere (inserted, deleted): wakes those who wait for it. */
  announce(run: Run): void {
    this.#changes.emit(run.id, run);
  }

  /** Resolves with the run as soon as its version is greater. Rejects when aborted or when the run is not there. */
  async waitForChange(id: string, afterVersion: number, signal: AbortSignal): Promise<Run> {
    const { promise, resolve, reject } = Promise.withResolvers<Run>();
    const onChange = (run: Run): void => {
      if (run.version > afterVersion) resolve(run);
    };
    const onAbort = (): void => reject(signal.reason as Error);
    this.#changes.on(id, onChange);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      // Listening began before this look, so no change can fall between the two.
      this.get(id).then(onChange, reject);
      return await promise;
    } finally {
      this.#changes.off(id, onChange);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #write(id: string, change: (run: Run) => Run, events: readonly NewRunEvent[]): Promise<Run> {
    for (let attempt = 1; ; attempt += 1) {
      const run = await this.get(id);
      const next = change(run);
      if (next === run) return run;
      try {
        await this.#store.saveRun(next, events);
        this.announce(next);
        return next;
      } catch (error) {
        const isConflict = error instanceof ServiceError && error.code === "version_conflict";
        if (!isConflict || attempt === CONFLICT_TRIES) throw error;
      }
    }
  }
}
