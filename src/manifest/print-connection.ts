import type { Connection, ConnectionCredentials } from "../domain/training-spec.ts";
import { withoutNulls } from "./conversion.ts";

/** What a dialect calls the three things that every S3 connection has. */
export interface S3Keys {
  readonly endpoint: string;
  readonly keyId: string;
  readonly secret: string;
}

export function printS3(
  connection: Extract<Connection, { type: "s3" }>,
  credentials: ConnectionCredentials | null,
  keys: S3Keys,
): object {
  return withoutNulls({
    [keys.endpoint]: connection.endpointUrl,
    [keys.keyId]: credentials?.type === "s3" ? credentials.accessKeyId : null,
    [keys.secret]: credentials?.type === "s3" ? credentials.secretAccessKey : null,
    region: connection.region,
  });
}

/** Watson ML and FfDL wrote it alike. */
export function printSwift(
  connection: Extract<Connection, { type: "swift" }>,
  credentials: ConnectionCredentials | null,
): object {
  return withoutNulls({
    auth_url: connection.authUrl,
    user_name: credentials?.type === "swift" ? credentials.userName : null,
    password: credentials?.type === "swift" ? credentials.password : null,
    region: connection.region,
    domain_name: connection.domainName,
    project_id: connection.projectId,
  });
}
