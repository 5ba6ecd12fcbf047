interface Round<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiters: number;
}

/**
 * Work that is the same for everybody who asks: callers who come while it is going on wait for the same round.
 * A caller may leave (its signal); once all have left, the work itself is aborted.
 */
export class SharedWork<T> {
  readonly #work: (signal: AbortSignal) => Promise<T>;
  #round: Round<T> | undefined;

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#work = work;
  }

  async join(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const round = (this.#round ??= this.#begin());
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    round.waiters += 1;
    try {
      return await Promise.race([round.result, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      round.waiters -= 1;
      if (round.waiters === 0) this.#end(round);
    }
  }

  #begin(): Round<T> {
    const controller = new AbortController();
    return { result: this.#work(controller.signal), controller, waiters: 0 };
  }

  #end(round: Round<T>): void {
    if (this.#round === round) this.#round = undefined;
    round.controller.abort(new Error("Nobody waits for this work any more."));
  }
}
