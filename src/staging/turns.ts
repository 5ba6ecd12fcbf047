/** How the work of somebody else ended. */
type End = { readonly failed: false } | { readonly failed: true; readonly error: unknown };

/**
 * Work under one name is done by one caller at a time; the others wait and then look whether it still has to be done.
 * One who gives up, or whose own rights do not suffice, leaves the work to the next. A failure that would meet anybody
 * is the failure of all who waited, or fifty of them would wait for a store that is down one after the other.
 */
export class Turns {
  readonly #meetsAll: (error: unknown) => boolean;
  readonly #running = new Map<string, Promise<End>>();

  constructor(meetsAll: (error: unknown) => boolean) {
    this.#meetsAll = meetsAll;
  }

  async take<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (let other = this.#running.get(name); other !== undefined; other = this.#running.get(name)) {
      const end = await orAborted(other, signal);
      if (end.failed && this.#meetsAll(end.error)) throw end.error;
    }
    const { promise, resolve } = Promise.withResolvers<End>();
    this.#running.set(name, promise);
    try {
      const result = await work();
      resolve({ failed: false });
      return result;
    } catch (error) {
      resolve({ failed: true, error });
      throw error;
    } finally {
      this.#running.delete(name);
    }
  }
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
