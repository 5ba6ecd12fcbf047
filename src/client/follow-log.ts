import { ClientError } from "./client-error.ts";
import type { Client } from "./client.ts";
import { persist, type Persistence } from "./persist.ts";

export interface FollowOptions extends Persistence {
  /** Where to begin, in bytes. */
  readonly offset?: number;
  readonly learner?: number | undefined;
  /** From 1; the run's present one when left out. */
  readonly attempt?: number | undefined;
  /** Told when the program has emptied its log: what it holds from then on is another beginning. */
  readonly onEmptied?: (() => void) | undefined;
}

/** Below the contract's limit, so that a proxy with the usual timeout of a minute does not cut the wait off. */
const WAIT_S = 30;

/**
 * The bytes of a run's log from `offset` to its very end, as they come. A part counts only once it has arrived
 * whole; after a lost connection the same offset is asked for again, so no byte is lost or doubled. Tries start
 * anew with every part that arrives. Where the attempt is followed by another, so is its log, but for a wish for one `attempt`.
 */
export async function* followLog(client: Client, id: string, options: FollowOptions = {}): AsyncGenerator<Uint8Array> {
  const { learner, signal } = options;
  let { attempt, offset = 0 } = options;
  for (;;) {
    const ask = { offset, learner, attempt, waitSeconds: WAIT_S, signal };
    const part = await persist(() => client.readLog(id, ask), options).catch(nullWhenEmptied);
    if (part === null) {
      offset = 0;
      options.onEmptied?.();
      continue;
    }
    attempt ??= part.presentAttempt;
    if (part.bytes.length > 0) {
      offset = part.next;
      yield part.bytes;
    }
    if (!part.isComplete || offset < part.sizeBytes) continue;
    if (options.attempt !== undefined || part.presentAttempt <= attempt) return;
    attempt += 1;
    offset = 0;
  }
}

/** The bytes that the log has now, without waiting for more; returns where it goes on. */
export async function* readLogToNow(
  client: Client,
  id: string,
  options: FollowOptions = {},
): AsyncGenerator<Uint8Array, number> {
  const { learner, attempt, signal } = options;
  let offset = options.offset ?? 0;
  for (;;) {
    const part = await persist(() => client.readLog(id, { offset, learner, attempt, signal }), options);
    if (part.bytes.length === 0) return offset;
    offset = part.next;
    yield part.bytes;
    if (offset >= part.sizeBytes) return offset;
  }
}

/** A log that is shorter than what was read of it. */
function nullWhenEmptied(error: unknown): null {
  if (error instanceof ClientError && error.problem?.code === "range_not_satisfiable") return null;
  throw error;
}
