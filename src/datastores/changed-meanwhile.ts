import type { DataStore } from "./datastore.ts";
import { RemoteError } from "./remote-error.ts";

/** How often an object is asked for that is replaced again and again. */
export const MAX_VERSIONS = 4;

export function removedMeanwhile({ label }: Pick<DataStore, "label">, key: string): RemoteError {
  const message = `Object '${key}' of ${label} was removed while it was being read.`;
  return new RemoteError("object_missing", message, { retryable: false });
}

export function replacedAgain({ label }: Pick<DataStore, "label">, key: string): RemoteError {
  const message = `Object '${key}' of ${label} was replaced again and again while it was being read.`;
  return new RemoteError("corrupted", message, { retryable: true });
}
