import { stringify } from "yaml";

import type { BucketReference, ConnectionCredentials, Credentials, TrainingSpec } from "../domain/training-spec.ts";
import { CANONICAL_TYPES } from "./connection-fields.ts";
import { sizeForDevices } from "./device-sizes.ts";

/**
 * The manifest of Watson ML for this spec, in canonical spelling; reading it gives the spec and the credentials
 * back. It holds the secrets, so it is for the user's eyes only.
 *
 * @throws RangeError when the number of devices has no size of its own.
 */
export function printManifest(spec: TrainingSpec, credentials: Credentials): string {
  const { name, description, author, framework, command } = spec;
  const manifest = {
    model_definition: withoutNulls({
      name,
      description,
      author: author === null ? null : withoutNulls({ ...author }),
      framework: { ...framework },
      execution: { command, ...resources(spec) },
    }),
    ...(spec.data === null ? {} : { training_data_reference: reference(spec.data, "source", credentials.data) }),
    training_results_reference: reference(spec.results, "target", credentials.results),
  };
  // Block notation would end every text in a line end of its own.
  return stringify(manifest, { version: "1.2", blockQuote: false, lineWidth: 0, aliasDuplicateObjects: false });
}

function resources({ devices, learners }: TrainingSpec): object {
  const size = sizeForDevices(devices);
  if (size === undefined) throw new RangeError(`A manifest has no size for ${devices} devices.`);
  return learners === 1 ? { resource: size } : { compute_configuration: { name: size, nodes: learners } };
}

function reference(
  { bucket, name, connection }: BucketReference,
  key: "source" | "target",
  credentials: ConnectionCredentials | null,
): object {
  return withoutNulls({
    name,
    connection: printConnection(connection, credentials),
    [key]: { bucket, type: CANONICAL_TYPES[connection.type] },
  });
}

function printConnection(
  connection: BucketReference["connection"],
  credentials: ConnectionCredentials | null,
): object | null {
  if (connection.type === "directory") return connection.root === null ? null : { root: connection.root };
  if (connection.type === "s3") {
    return withoutNulls({
      endpoint_url: connection.endpointUrl,
      aws_access_key_id: credentials?.type === "s3" ? credentials.accessKeyId : null,
      aws_secret_access_key: credentials?.type === "s3" ? credentials.secretAccessKey : null,
      region: connection.region,
    });
  }
  return withoutNulls({
    auth_url: connection.authUrl,
    user_name: credentials?.type === "swift" ? credentials.userName : null,
    password: credentials?.type === "swift" ? credentials.password : null,
    region: connection.region,
    domain_name: connection.domainName,
    project_id: connection.projectId,
  });
}

function withoutNulls(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
