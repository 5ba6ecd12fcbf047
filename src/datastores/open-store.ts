import { resolve } from "node:path";
import { mkdir } from "../base/world-files.ts";
import type { BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import { directoryRootNotAllowed, requestInvalid, type ServiceError } from "../domain/errors.ts";
import type { Connection, ConnectionCredentials } from "../domain/training-spec.ts";
import { AddressGuard, type NetworkPolicy } from "./address-guard.ts";
import type { DataStores, Purpose } from "./data-stores.ts";
import type { DataStore } from "./datastore.ts";
import { openDirectoryStore } from "./directory/directory-store.ts";
import { keyToPath } from "./key-path.ts";
import { RemoteError } from "./remote-error.ts";
import { isS3BucketName, S3_BUCKET_NAME_RULE } from "./s3/bucket-name.ts";
import { type FailedTry, Retrier, withRetry } from "./retry.ts";
import { CONTAINER_NAME_RULE, isContainerName } from "./swift/container-name.ts";

export interface DataStoresOptions {
  /** The folder of the buckets that need no connection; made when it is first needed. */
  readonly embeddedRoot: string;
  /** Other folders that manifests may name (`stores.directory.roots`). */
  readonly allowedRoots: readonly string[];
  readonly network: NetworkPolicy;
  readonly clock: Clock;
  readonly retry: BackoffPolicy;
  /** Told of every try that failed and will be repeated. */
  readonly onRetry?: (store: string, fact: FailedTry) => void;
}

type S3Reference = Extract<Connection, { type: "s3" }>;
type Trouble = (error: RemoteError) => void;
type SwiftReference = Extract<Connection, { type: "swift" }>;

/** All kinds of data store. What S3 and Swift need is loaded with the first store of theirs, never at the server's start. */
export function createDataStores(options: DataStoresOptions): DataStores {
  const { embeddedRoot, clock, retry, onRetry = () => {} } = options;
  const guard = new AddressGuard(options.network);
  const roots = new Set(options.allowedRoots.map((root) => resolve(root)));

  const retrierOf = (label: string, onTrouble: Trouble): Retrier =>
    new Retrier(retry, clock, (fact) => {
      onRetry(label, fact);
      onTrouble(fact.error);
    });

  const openDirectory = async (root: string | null, bucket: string, purpose: Purpose): Promise<DataStore> => {
    const create = purpose === "results";
    if (root !== null) return openDirectoryStore({ root, bucket, create });
    await mkdir(embeddedRoot, { recursive: true });
    const label = `bucket '${bucket}' of the embedded store`;
    return openDirectoryStore({ root: embeddedRoot, bucket, create, label });
  };

  const openS3 = async (
    connection: S3Reference,
    bucket: string,
    credentials: ConnectionCredentials | null,
    onTrouble: Trouble,
  ): Promise<DataStore> => {
    if (credentials?.type !== "s3") {
      throw new RemoteError("denied", `There is no access key for bucket '${bucket}'.`, { retryable: false });
    }
    const { openS3Store } = await import("./s3/s3-store.ts");
    const label = `bucket '${bucket}' at ${new URL(connection.endpointUrl).origin}`;
    const retrier = retrierOf(label, onTrouble);
    const store = openS3Store({ connection: { ...connection, ...credentials }, bucket, guard, retrier, clock });
    return withRetry(store, retrier);
  };

  const openSwift = async (
    connection: SwiftReference,
    bucket: string,
    credentials: ConnectionCredentials | null,
    onTrouble: Trouble,
  ): Promise<DataStore> => {
    if (credentials?.type !== "swift") {
      throw new RemoteError("denied", `There is no user for bucket '${bucket}'.`, { retryable: false });
    }
    const { openSwiftStore, swiftLabel } = await import("./swift/swift-store.ts");
    const retrier = retrierOf(swiftLabel(connection, bucket), onTrouble);
    const store = openSwiftStore({ connection: { ...connection, ...credentials }, bucket, guard, retrier, clock });
    return withRetry(store, retrier);
  };

  const check = (connection: Connection, bucket?: string): void => {
    switch (connection.type) {
      case "directory":
        if (connection.root !== null && !roots.has(resolve(connection.root))) {
          throw directoryRootNotAllowed(connection.root);
        }
        if (bucket !== undefined && (bucket.includes("/") || keyToPath(bucket).kind !== "file")) {
          throw badBucketName(bucket, "the name of one folder");
        }
        return;
      case "s3":
        guard.checkEndpoint(connection.endpointUrl);
        if (bucket !== undefined && !isS3BucketName(bucket)) throw badBucketName(bucket, S3_BUCKET_NAME_RULE);
        return;
      case "swift":
        guard.checkEndpoint(connection.authUrl);
        if (bucket !== undefined && !isContainerName(bucket)) throw badBucketName(bucket, CONTAINER_NAME_RULE);
        return;
    }
  };

  return {
    check,
    async open(connection, bucket, credentials, purpose, onTrouble = () => {}) {
      check(connection, bucket);
      if (connection.type === "directory") return openDirectory(connection.root, bucket, purpose);
      if (connection.type === "s3") return openS3(connection, bucket, credentials, onTrouble);
      return openSwift(connection, bucket, credentials, onTrouble);
    },
  };
}

function badBucketName(bucket: string, expected: string): ServiceError {
  return requestInvalid(`'${bucket}' cannot be the name of a bucket here.`, `A bucket's name must be ${expected}.`);
}
