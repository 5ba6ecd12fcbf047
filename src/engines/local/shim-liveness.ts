import type { Clock } from "../../base/clock.ts";
import { kill } from "../../base/world-processes.ts";
import type { LearnerHandle } from "./learner-handle.ts";
import { isShimAlive } from "./termination.ts";

const LOOK_MS = 1_000;
/**
 * The other looks only ask whether there is a process of that number, which costs a fiftieth of reading who it is. So a number that was
 * given to another process within a second, or a dead shim that nobody collects, is noticed only now.
 */
const THOROUGH_EVERY = 5;

interface Watched {
  readonly learner: LearnerHandle;
  readonly onGone: () => void;
}

/**
 * Notices that a shim which another process has started is gone, by looking at all of them together once a second: one timer however many there
 * are, and none where there are none. Only for shims that could not record their end; that record wakes who waits for it at once.
 */
export class ShimLiveness {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #looking: AbortController | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `onGone` once, at the next look after the shim has gone, unless disposed of before. */
  watch(learner: LearnerHandle, onGone: () => void): Disposable {
    const watched = { learner, onGone };
    this.#watched.add(watched);
    if (this.#looking === null) void this.#keepLooking((this.#looking = new AbortController()));
    return { [Symbol.dispose]: () => this.#forget(watched) };
  }

  #forget(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    this.#looking?.abort();
    this.#looking = null;
  }

  async #keepLooking({ signal }: AbortController): Promise<void> {
    for (let look = 1; ; look += 1) {
      // An aborted sleep is the way out, not a failure.
      await this.#clock.sleep(LOOK_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      const isThere = look % THOROUGH_EVERY === 0 ? isShimAlive : hasProcess;
      for (const watched of this.#watched) {
        if (isThere(watched.learner)) continue;
        this.#forget(watched);
        watched.onGone();
      }
    }
  }
}

function hasProcess({ pid }: LearnerHandle): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is one, of another account.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
