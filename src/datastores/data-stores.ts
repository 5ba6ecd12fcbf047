import type { Connection, ConnectionCredentials } from "../domain/training-spec.ts";
import type { RemoteError } from "./remote-error.ts";
import type { DataStore } from "./datastore.ts";

/** What a bucket is opened for. Only `results` may make a bucket, and only in the directory store. */
export type Purpose = "data" | "results";

/** Every kind of data store that this server knows, behind one door. */
export interface DataStores {
  /**
   * A store for one bucket, with retries. Opening contacts nothing: a missing bucket or wrong key shows at the first
   * use. The caller closes it. `onTrouble` is told of every try that failed and will be repeated. Rejects with `RemoteError` or, where `check` would have refused, its `ServiceError`.
   */
  open(
    connection: Connection,
    bucket: string,
    credentials: ConnectionCredentials | null,
    purpose: Purpose,
    onTrouble?: (error: RemoteError) => void,
  ): Promise<DataStore>;
  /**
   * For the moment of submission: throws a `ServiceError` when this server would never contact the endpoint, does
   * not open the folder, does not speak the protocol yet, or when `bucket` cannot be a bucket's name there.
   */
  check(connection: Connection, bucket?: string): void;
}
