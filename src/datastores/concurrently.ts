/**
 * Does `work` for every item, at most `limit` at a time, taking items only as fast as they are worked off. The first
 * failure aborts the signal that all others were given and is thrown once every one of them has ended.
 */
export async function forEachConcurrently<T>(
  itemsUntil: (signal: AbortSignal) => AsyncIterable<T>,
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const failing = new AbortController();
  const both = AbortSignal.any([signal, failing.signal]);
  const items = itemsUntil(both)[Symbol.asyncIterator]();
  let failed: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    try {
      for (;;) {
        const next = await items.next();
        if (next.done === true) return;
        both.throwIfAborted();
        await work(next.value, both);
      }
    } catch (error) {
      failed ??= { error };
      failing.abort(error);
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  await items.return?.();
  signal.throwIfAborted();
  if (failed !== undefined) throw failed.error;
}
