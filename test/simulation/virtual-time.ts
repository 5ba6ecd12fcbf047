/** Something that will happen. */
export interface Timer {
  readonly atMs: number;
  readonly order: number;
  action: (() => void) | null;
}

/**
 * Time that passes only from event to event. What is due at the same moment happens in the order in which it was
 * asked for, and everything that follows from one event (promises included) has happened before the next one, so that a
 * run of the program is decided by its events alone.
 */
export class VirtualTime {
  /** Milliseconds since the beginning; never goes back. */
  nowMs = 0;
  /** Events that have happened. */
  steps = 0;
  readonly #heap: Timer[] = [];
  #order = 0;

  /** `Infinity` never comes, and costs nothing. */
  after(ms: number, action: () => void): Timer {
    const timer = { atMs: this.nowMs + Math.max(0, ms), order: (this.#order += 1), action };
    if (timer.atMs !== Infinity) this.#push(timer);
    return timer;
  }

  cancel(timer: Timer): void {
    timer.action = null;
  }

  /** Timers that will still go off. */
  countWaiting(): number {
    return this.#heap.filter(({ action }) => action !== null).length;
  }

  async sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** Lets events happen until `isOver`, or until nothing is left or `limitMs` is reached. */
  async pass(limitMs: number, isOver: () => boolean): Promise<void> {
    await rest();
    while (!isOver()) {
      const next = this.#pop();
      if (next === undefined || next.atMs > limitMs) {
        if (next !== undefined) this.#push(next);
        this.nowMs = Math.max(this.nowMs, limitMs);
        return;
      }
      const { action } = next;
      if (action === null) continue;
      next.action = null;
      this.nowMs = next.atMs;
      this.steps += 1;
      action();
      await rest();
      if (this.steps % BREATH === 0) await breathe();
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Timer;
      if (!isBefore(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Timer, heap[below] as Timer)) below += 1;
      if (!isBefore(heap[below] as Timer, last)) break;
      heap[at] = heap[below] as Timer;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

/** How many events until the engine gets time to collect what nobody refers to any more. */
const BREATH = 2000;

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Node runs a tick that was asked for by a promise only when no promise has anything left to do. */
async function rest(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

async function breathe(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
