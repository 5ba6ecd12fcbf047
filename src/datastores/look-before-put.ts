import type { StoredObject } from "./datastore.ts";
import { RemoteError } from "./remote-error.ts";
import type { Retrier } from "./retry.ts";

/** What is needed to look whether an object is there already. */
export interface Looking {
  readonly retrier: Retrier;
  readonly head: (key: string, signal: AbortSignal) => Promise<StoredObject | undefined>;
}

/** The object as the store has it now. Who may write but not look learns nothing, and cannot be spared the upload. */
export async function lookBeforePut(
  { retrier, head }: Looking,
  key: string,
  signal: AbortSignal,
): Promise<StoredObject | undefined> {
  try {
    return await retrier.run(`look up '${key}'`, async () => head(key, signal), signal);
  } catch (error) {
    if (error instanceof RemoteError && error.status === 403) return undefined;
    throw error;
  }
}
