import { setImmediate as nextTurn } from "node:timers/promises";

const STEPS_PER_TURN = 64;
const BYTES_PER_TURN = 1_048_576;

/**
 * Lets others have their turn during work that is made of many small steps, none of which really waits: twenty
 * thousand entries in a row would hold up everything else in the process for half a second.
 */
export class Pace {
  #steps = 0;
  #bytes = 0;

  /** To be awaited after each step; `bytes` is what it wrote. */
  async step(bytes = 0): Promise<void> {
    this.#steps += 1;
    this.#bytes += bytes;
    if (this.#steps < STEPS_PER_TURN && this.#bytes < BYTES_PER_TURN) return;
    this.#steps = 0;
    this.#bytes = 0;
    await nextTurn();
  }
}
