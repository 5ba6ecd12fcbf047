import type { FastifyReply } from "fastify";
import { shuttingDown } from "../domain/errors.ts";

/** A signal for the work of one request; dispose it to let go of everything it listens to. */
export interface RequestSignal extends Disposable {
  readonly signal: AbortSignal;
}

/** Aborted when the client has gone, when the server closes (with `shutting_down` as the reason), and after `ms` where given. */
export function requestSignal(reply: FastifyReply, closing: AbortSignal, ms?: number): RequestSignal {
  const abort = new AbortController();
  const end = (): void => abort.abort();
  const endForClosing = (): void => abort.abort(shuttingDown());
  const timer = ms === undefined ? undefined : setTimeout(end, ms);
  reply.raw.once("close", end);
  closing.addEventListener("abort", endForClosing, { once: true });
  if (closing.aborted) endForClosing();
  if (reply.raw.destroyed) end();
  return {
    signal: abort.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      reply.raw.off("close", end);
      closing.removeEventListener("abort", endForClosing);
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
