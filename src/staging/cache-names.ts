import { createHash, randomUUID } from "node:crypto";
import type { StoredObject } from "../datastores/datastore.ts";
import type { Connection, ConnectionCredentials, DataSelection } from "../domain/training-spec.ts";

/** A bucket of one store, as the cache tells it from all others. */
export interface BucketIdentity {
  readonly store: string;
  readonly bucket: string;
}

/**
 * The same bucket for whoever may read it. A Swift container belongs to a project, and a login without one has the
 * user's own; to share across it would trust a checksum of somebody else's choosing.
 */
export function identifyBucket(
  connection: Connection,
  bucket: string,
  credentials: ConnectionCredentials | null,
): BucketIdentity {
  return { store: JSON.stringify(storeOf(connection, credentials)), bucket };
}

function storeOf(connection: Connection, credentials: ConnectionCredentials | null): readonly unknown[] {
  if (connection.type === "directory") return ["directory", connection.root];
  if (connection.type === "s3") return ["s3", canonical(connection.endpointUrl)];
  const user = credentials?.type === "swift" ? credentials.userName : null;
  const { authUrl, region, domainName, projectId } = connection;
  return ["swift", canonical(authUrl), region, domainName, projectId ?? ["of", user]];
}

function canonical(url: string): string {
  return URL.parse(url)?.href ?? url;
}

/**
 * The name of an object's content: another one whenever the store says that the content is another. An object of which
 * the store says nothing gets a name that is never asked for again.
 */
export function nameObject(identity: BucketIdentity, { key, etag, sizeBytes }: StoredObject): string {
  return hash([identity.store, identity.bucket, key, etag ?? randomUUID(), String(sizeBytes)]);
}

/** The name of what one selection of a bucket has been over time. */
export function nameScope(identity: BucketIdentity, { prefix, include, exclude }: DataSelection, more: string): string {
  return hash([identity.store, identity.bucket, JSON.stringify([prefix, include, exclude]), more]);
}

/** The name of exactly these contents under these names. */
export function nameTree(objects: Iterable<StoredObject>): string {
  const digest = createHash("sha256");
  for (const { key, etag, sizeBytes } of objects)
    digest.update(`${key.length} ${key} ${etag ?? randomUUID()} ${sizeBytes}\n`);
  return digest.digest("hex").slice(0, 32);
}

function hash(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
