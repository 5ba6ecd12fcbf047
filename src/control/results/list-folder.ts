import type { DataStore, StoredObject } from "../../datastores/datastore.ts";
import { RemoteError } from "../../datastores/remote-error.ts";

/** What a folder of a bucket holds, by key; null for who may write there but not look. */
export async function listFolder(
  store: DataStore,
  prefix: string,
  signal: AbortSignal,
): Promise<Map<string, StoredObject> | null> {
  const listed = new Map<string, StoredObject>();
  try {
    for await (const object of store.list(prefix, signal)) listed.set(object.key, object);
    return listed;
  } catch (error) {
    if (error instanceof RemoteError && error.reason === "denied") return null;
    throw error;
  }
}
