import type { Clock } from "../../base/clock.ts";

/** Why something of a run takes longer than it should, and since when. */
export interface Delay {
  readonly reason: string;
  readonly since: Date;
}

/**
 * What keeps runs from going on that are neither waiting nor ended: a bucket that does not answer, say. Only in memory:
 * a server that starts anew tries again by itself, and finds out.
 */
export class Delays {
  readonly #clock: Clock;
  readonly #known = new Map<string, Delay & { readonly isOver: () => boolean }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The latest reason counts, and the time of the first. `isOver` is asked when somebody looks. */
  tell(runId: string, reason: string, isOver: () => boolean = () => false): void {
    this.#known.set(runId, { reason, since: this.of(runId)?.since ?? this.#clock.now(), isOver });
  }

  /** May be called for a run of which nothing was told. */
  end(runId: string): void {
    this.#known.delete(runId);
  }

  of(runId: string): Delay | null {
    const known = this.#known.get(runId);
    return known === undefined || known.isOver() ? null : { reason: known.reason, since: known.since };
  }
}
