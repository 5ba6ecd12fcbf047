import { EventEmitter } from "node:events";
import type { Clock } from "../../base/clock.ts";
import { runNotFound, ServiceError } from "../../domain/errors.ts";
import { advance, type Run, type RunChange } from "../../domain/run.ts";
import { isTerminal, type RunState } from "../../domain/run-state.ts";
import type { NewRunEvent, Store } from "../../store/store.ts";
import { RunTimes } from "./run-times.ts";

const CONFLICT_TRIES = 8;

/** A run after a change, with the lines of its story that tell of it: written together or not at all. */
export interface RunUpdate {
  readonly run: Run;
  readonly events: readonly NewRunEvent[];
}

/**
 * Writes changes of runs and tells everybody in this process who waits for them. All writers of runs go through
 * here, so a change that was saved is a change that was announced.
 */
export class RunBook {
  readonly #store: Store;
  readonly #times: RunTimes;
  readonly #noticeTime: () => Promise<Date | null>;
  /** One event name per run id, carrying the new version of the run. */
  readonly #changes = new EventEmitter({ captureRejections: false });

  /** `noticeTime` is called before a run is dated, and waited for; it gives what the wall clock says, where retention goes by it, and never rejects. */
  constructor(store: Store, clock: Clock, noticeTime: () => Promise<Date | null> = async () => null) {
    this.#store = store;
    this.#noticeTime = noticeTime;
    this.#times = new RunTimes(clock);
    this.#changes.setMaxListeners(0);
  }

  /** To be called before a run is inserted, as `update` does before it writes. */
  async noticeTime(): Promise<void> {
    await this.#noticeTime();
  }

  /** A run that was inserted: its times are counted from here. */
  begin(run: Run): void {
    this.#times.note(run);
  }

  async get(id: string): Promise<Run> {
    const run = await this.#store.findRun(id);
    if (run === undefined) throw runNotFound(id);
    return run;
  }

  /** Moves the run on; a change that somebody made in between (a wish to stop, say) is kept. */
  async advance(id: string, to: RunState, change: RunChange, message: string): Promise<Run> {
    return this.update(id, (run, now) => {
      return { run: advance(run, to, now, change), events: [{ type: "state", message }] };
    });
  }

  /** Writes what `change` makes of the run. Asks it again, with the run as it is then, when somebody else was faster. */
  async update(id: string, change: (run: Run, now: Date) => RunUpdate): Promise<Run> {
    const says = await this.#noticeTime();
    for (let attempt = 1; ; attempt += 1) {
      const run = await this.get(id);
      const now = this.#times.now(run);
      const { run: changed, events } = change(run, now);
      const dated = this.#times.withStart(run, changed, now);
      const next = isTerminal(run.state) ? dated : this.#times.withEnd(dated, says);
      try {
        await this.#store.saveRun(next, events);
        this.#times.note(next);
        this.#changes.emit(id, next);
        return next;
      } catch (error) {
        const isConflict = error instanceof ServiceError && error.code === "version_conflict";
        if (!isConflict || attempt === CONFLICT_TRIES) throw error;
      }
    }
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
}
