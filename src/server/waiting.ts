import type { FastifyReply } from "fastify";

/** A signal for the work of one request; dispose it to let go of everything it listens to. */
export interface RequestSignal extends Disposable {
  readonly signal: AbortSignal;
}

/** Aborted when the client has gone, when the server closes, and after `ms` where given. */
export function requestSignal(reply: FastifyReply, closing: AbortSignal, ms?: number): RequestSignal {
  const abort = new AbortController();
  const end = (): void => abort.abort();
  const timer = ms === undefined ? undefined : setTimeout(end, ms);
  reply.raw.once("close", end);
  closing.addEventListener("abort", end, { once: true });
  if (closing.aborted || reply.raw.destroyed) end();
  return {
    signal: abort.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      reply.raw.off("close", end);
      closing.removeEventListener("abort", end);
    },
  };
}

/** Waits until `wait` is done or its time is up, whichever comes first; what is true then is the caller's to look at. */
export async function waitUpTo(
  seconds: number,
  reply: FastifyReply,
  closing: AbortSignal,
  wait: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  using limit = requestSignal(reply, closing, seconds * 1000);
  try {
    await wait(limit.signal);
  } catch (error) {
    if (!limit.signal.aborted) throw error;
  }
}
