import type { Clock } from "../../base/clock.ts";

/** A wall clock that is ahead by less than this was mended by the machine's time service, not set. */
const TOLERANCE_MS = 1000;

/** What one process leaves for the next. */
export interface TimeMark {
  readonly believedMs: number;
  /** Which start of the machine it was, and the time since then, which no setting of the clock changes. */
  readonly bootId: string;
  readonly uptimeMs: number;
  readonly doubt: Doubt | null;
}

/** Where marks are kept, and what counts time while no server runs. */
export interface TimeMemory {
  read(): Promise<TimeMark | null>;
  /** Durable before it resolves. */
  write(mark: TimeMark): Promise<void>;
  bootId(): Promise<string>;
  uptimeMs(): number;
}

/** The wall clock is ahead of the time that can have passed. */
interface Doubt {
  readonly aheadMs: number;
  /** How long it has been so. */
  readonly lastedMs: number;
}

/**
 * The time by which runs are forgotten: never later than the wall clock, and never moved on by more than has passed on
 * the machine. A clock that is set back is followed at once, since runs that end now are dated by it. One that was set
 * forward, or a machine that was off, is believed only after `doubtMs` have passed: by then whatever ended before the
 * jump is old enough to go, and what ended after it is dated by the new time.
 *
 * A clock that is set back and forth between two looks is not seen. So it looks at whatever dates runs: see `notice`.
 */
export class TrustedTime {
  readonly #clock: Clock;
  readonly #memory: TimeMemory | undefined;
  readonly #doubtMs: number;
  #believedMs: number;
  #lastMs: number;
  #doubt: Doubt | null = null;
  /** The last mark that is written; never rejects. */
  #saving: Promise<void> = Promise.resolve();

  /** Believes the wall clock, until `recall` tells better. */
  constructor(clock: Clock, memory: TimeMemory | undefined, doubtMs: number) {
    this.#clock = clock;
    this.#memory = memory;
    this.#doubtMs = doubtMs;
    this.#believedMs = clock.now().getTime();
    this.#lastMs = clock.monotonicMs();
  }

  /** Goes on from what the last process left. Called once, before the first `now`. */
  async recall(): Promise<void> {
    if (this.#memory === undefined) return;
    const mark = await this.#memory.read();
    if (mark === null) return;
    const isSameBoot = mark.bootId !== "" && mark.bootId === (await this.#memory.bootId());
    const passedMs = isSameBoot ? Math.max(0, this.#memory.uptimeMs() - mark.uptimeMs) : 0;
    this.#believedMs = mark.believedMs + passedMs;
    this.#lastMs = this.#clock.monotonicMs();
    this.#doubt = mark.doubt && { ...mark.doubt, lastedMs: mark.doubt.lastedMs + passedMs };
  }

  now(): Date {
    this.#look();
    return new Date(this.#believedMs);
  }

  /**
   * Called before a run is dated. Where the clock was set since the last look, resolves when that is noted for the next
   * process too: it would take what is dated now for as old as it looks.
   */
  async notice(): Promise<void> {
    if (this.#look()) await this.save();
    else await this.#saving;
  }

  /** Whether the clock was seen to have been set. */
  #look(): boolean {
    const wallMs = this.#clock.now().getTime();
    const nowMs = this.#clock.monotonicMs();
    const passedMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    const expectedMs = this.#believedMs + passedMs;
    const aheadMs = wallMs - expectedMs;
    // A clock that is set forward once more begins the doubt anew.
    const isSetForward = aheadMs > (this.#doubt?.aheadMs ?? 0) + TOLERANCE_MS;
    if (isSetForward) this.#doubt = { aheadMs, lastedMs: 0 };
    else if (this.#doubt !== null && aheadMs > TOLERANCE_MS) {
      this.#doubt = { aheadMs, lastedMs: this.#doubt.lastedMs + passedMs };
    } else this.#doubt = null;
    if (this.#doubt !== null && this.#doubt.lastedMs >= this.#doubtMs) this.#doubt = null;
    this.#believedMs = this.#doubt === null ? wallMs : expectedMs;
    return isSetForward || aheadMs < -TOLERANCE_MS;
  }

  /** True while the wall clock is ahead of what is believed. */
  isDoubted(): boolean {
    return this.#doubt !== null;
  }

  /** For the next process. May be called at once. */
  async save(): Promise<void> {
    const saving = this.#saving.then(async () => this.#write());
    this.#saving = saving.catch(() => undefined);
    return saving;
  }

  async #write(): Promise<void> {
    if (this.#memory === undefined) return;
    const bootId = await this.#memory.bootId();
    const uptimeMs = this.#memory.uptimeMs();
    await this.#memory.write({ believedMs: this.now().getTime(), bootId, uptimeMs, doubt: this.#doubt });
  }
}
