import type { Connection, ConnectionCredentials } from "../domain/training-spec.ts";
import { DIRECTORY_CONNECTION, S3_CONNECTION, SWIFT_CONNECTION } from "./connection-fields.ts";
import type { StoreType } from "./connection-fields.ts";
import { readEndpoint } from "./endpoint.ts";
import type { Dialect } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import type { Place } from "./place.ts";
import { isPlaceholder } from "./placeholder.ts";
import { readMap, reportVariable } from "./read-map.ts";
import { readText } from "./text-value.ts";

export interface ConnectionReading {
  readonly connection: Connection;
  readonly credentials: ConnectionCredentials | null;
}

const NAME = { maxLength: MANIFEST_LIMITS.credentialLength } as const;
const OPTIONAL = { ...NAME, mayBeBlank: true } as const;
const SECRET = { ...NAME, isSecret: true } as const;

/** The connection of `reference` to a store of this type, or null when something was reported. */
export function readConnection(
  reference: Place,
  place: Place | undefined,
  type: StoreType,
  dialect: Dialect,
  findings: Findings,
): ConnectionReading | null {
  if (type === "directory") return readDirectory(place, dialect, findings);
  if (place === undefined) {
    const spot = { offset: reference.keyOffset, path: `${reference.path}.connection` };
    const keys = type === "s3" ? S3_CONNECTION : SWIFT_CONNECTION;
    const required = Object.entries(keys.fields).filter(([, field]) => field.required);
    const hint = `Add 'connection' with ${required.map(([name]) => name).join(", ")}.`;
    findings.problem("field_missing", spot, `'${reference.path}' has no 'connection'.`, hint);
    return null;
  }
  return type === "s3" ? readS3(place, dialect, findings) : readSwift(place, dialect, findings);
}

function readDirectory(place: Place | undefined, dialect: Dialect, findings: Findings): ConnectionReading | null {
  if (place === undefined) return { connection: { type: "directory", root: null }, credentials: null };
  const places = readMap(place, DIRECTORY_CONNECTION, dialect, findings);
  if (places === null) return null;
  const root = readText(places.root, { maxLength: MANIFEST_LIMITS.rootLength }, findings);
  if (root !== null && places.root !== undefined && (!root.startsWith("/") || root.split("/").includes(".."))) {
    const message = `'${places.root.path}' is no absolute path without '..'.`;
    findings.problem(
      "value_invalid",
      places.root,
      message,
      "Write the folder's path from the root, like '/srv/buckets'.",
    );
    return null;
  }
  return { connection: { type: "directory", root }, credentials: null };
}

function readS3(place: Place, dialect: Dialect, findings: Findings): ConnectionReading | null {
  const places = readMap(place, S3_CONNECTION, dialect, findings);
  if (places === null) return null;
  const endpointUrl = readUrl(places.endpoint_url, findings);
  const accessKeyId = readText(places.aws_access_key_id, NAME, findings);
  const secretAccessKey = readText(places.aws_secret_access_key, SECRET, findings);
  const region = readText(places.region, OPTIONAL, findings);
  if (endpointUrl === null || accessKeyId === null || secretAccessKey === null) return null;
  return { connection: { type: "s3", endpointUrl, region }, credentials: { type: "s3", accessKeyId, secretAccessKey } };
}

function readSwift(place: Place, dialect: Dialect, findings: Findings): ConnectionReading | null {
  const places = readMap(place, SWIFT_CONNECTION, dialect, findings);
  if (places === null) return null;
  const authUrl = readUrl(places.auth_url, findings);
  const userName = readText(places.user_name, NAME, findings);
  const password = readText(places.password, SECRET, findings);
  const region = readText(places.region, OPTIONAL, findings);
  const domainName = readText(places.domain_name, OPTIONAL, findings);
  const projectId = readText(places.project_id, OPTIONAL, findings);
  if (authUrl === null || userName === null || password === null) return null;
  return {
    connection: { type: "swift", authUrl, region, domainName, projectId },
    credentials: { type: "swift", userName, password },
  };
}

function readUrl(place: Place | undefined, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.endpointLength }, findings);
  if (place === undefined || text === null) return null;
  if (findings.forConversion && (isPlaceholder(text) || text.includes("${"))) return text;
  if (text.includes("${")) {
    reportVariable(place, findings);
    return null;
  }
  const endpoint = readEndpoint(text);
  if (endpoint.url === null) {
    findings.problem("value_invalid", place, `'${place.path}' ${endpoint.fact}.`, endpoint.hint);
  }
  return endpoint.url;
}
