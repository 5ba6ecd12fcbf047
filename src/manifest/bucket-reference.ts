import { isMap, isSeq } from "yaml";

import { nearest } from "../base/nearest.ts";
import type { BucketReference, ConnectionCredentials } from "../domain/training-spec.ts";
import { readConnection } from "./connection.ts";
import { STORE_TYPES } from "./connection-fields.ts";
import type { StoreType } from "./connection-fields.ts";
import { readMap } from "./field-table.ts";
import type { Places } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { placeOfKey } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { placeAt } from "./place.ts";
import type { Place } from "./place.ts";
import { isPlaceholder } from "./placeholder.ts";
import { readText } from "./text-value.ts";
import { DATA_REFERENCE, RESULTS_REFERENCE, SOURCE, TARGET } from "./wml-fields.ts";

/** A bucket and the secret that opens it. */
export interface ReferenceReading {
  readonly reference: BucketReference;
  readonly credentials: ConnectionCredentials | null;
}

/** The parts that references to data and to results have under the same names. */
interface Parts {
  readonly reference: Places<"name" | "connection" | "type"> | null;
  readonly bucket: Places<"bucket" | "type"> | null;
}

export function readDataReference(place: Place, findings: Findings): ReferenceReading | null {
  const only = onlyEntry(place, findings);
  const reference = only === null ? null : readMap(only, DATA_REFERENCE, placeOfKey, findings);
  const source = reference?.source;
  const bucket = source === undefined ? null : readMap(source, SOURCE, placeOfKey, findings);
  return only === null ? null : readParts(only, { reference, bucket }, findings);
}

export function readResultsReference(place: Place, findings: Findings): ReferenceReading | null {
  const only = onlyEntry(place, findings);
  const reference = only === null ? null : readMap(only, RESULTS_REFERENCE, placeOfKey, findings);
  const target = reference?.target;
  const bucket = target === undefined ? null : readMap(target, TARGET, placeOfKey, findings);
  return only === null ? null : readParts(only, { reference, bucket }, findings);
}

/** The page calls it a list and then allows one entry; the later pages make it a map. */
function onlyEntry(place: Place, findings: Findings): Place | null {
  if (!isSeq(place.node)) return place;
  const [only, ...more] = place.node.items;
  if (only !== undefined && more.length === 0) {
    return placeAt(only, `${place.path}[0]`, place.keyOffset);
  }
  const message = `'${place.path}' lists ${place.node.items.length} buckets.`;
  findings.problem(
    "value_invalid",
    place,
    message,
    "List exactly one bucket, or write the map without the list's '-'.",
  );
  return null;
}

function readParts(place: Place, { reference, bucket: where }: Parts, findings: Findings): ReferenceReading | null {
  if (reference === null) return null;
  const name = readText(reference.name, { maxLength: MANIFEST_LIMITS.nameLength, mayBeBlank: true }, findings);
  const type = readType(place, reference, where, findings);
  if (type === null) {
    readBucket(where?.bucket, "s3", findings);
    return null;
  }
  const bucket = readBucket(where?.bucket, type, findings);
  const connection = readConnection(place, reference.connection, type, findings);
  if (bucket === null || connection === null) return null;
  return { reference: { bucket, name, connection: connection.connection }, credentials: connection.credentials };
}

/** The type stood beside the bucket in 2017 and beside the connection in 2018. */
function readType(
  place: Place,
  reference: Places<"connection" | "type">,
  where: Places<"type"> | null,
  findings: Findings,
): StoreType | null {
  const outer = typeAt(reference.type, findings);
  const inner = typeAt(where?.type, findings);
  if (outer === null || inner === null) return null;
  if (outer !== undefined && inner !== undefined && outer !== inner && reference.type && where?.type) {
    const message = `'${reference.type.path}' and '${where.type.path}' name different data stores.`;
    findings.problem("field_duplicated", where.type, message, "Keep the one that is right.");
    return null;
  }
  const type = outer ?? inner;
  if (type !== undefined) return type;
  if (reference.connection === undefined || hasOnlyRoot(reference.connection)) return "directory";
  findings.problem(
    "field_missing",
    { offset: place.keyOffset, path: `${place.path}.type` },
    `'${place.path}' has a connection and no 'type'.`,
    `Add 'type': ${Object.keys(STORE_TYPES).join(", ")}.`,
  );
  return null;
}

/** Undefined when absent, null when it was reported. */
function typeAt(place: Place | undefined, findings: Findings): StoreType | null | undefined {
  if (place === undefined) return undefined;
  const text = readText(place, { maxLength: 100 }, findings);
  if (text === null) return null;
  if (Object.hasOwn(STORE_TYPES, text)) return STORE_TYPES[text];
  const meant = nearest(text, Object.keys(STORE_TYPES));
  const hint =
    meant === undefined ? `Write one of ${Object.keys(STORE_TYPES).join(", ")}.` : `Did you mean '${meant}'?`;
  findings.problem("value_invalid", place, `'${place.path}' is '${text}', which is no type of data store.`, hint);
  return null;
}

function hasOnlyRoot(connection: Place): boolean {
  const { node } = connection;
  return isMap(node) && node.items.every(({ key }) => "value" in key && key.value === "root");
}

function readBucket(place: Place | undefined, type: StoreType, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.bucketBytes }, findings);
  if (place === undefined || text === null) return null;
  if (isPlaceholder(text)) {
    const message = `'${place.path}' is still the placeholder '${text}'.`;
    findings.problem("value_not_filled_in", place, message, "Write the bucket's name.");
    return null;
  }
  const fault = type === "directory" ? faultOfFolder(text) : faultOfBucket(text);
  if (fault === null) return text;
  findings.problem("value_invalid", place, `The bucket name '${text}' ${fault.fact}.`, fault.hint);
  return null;
}

interface Fault {
  readonly fact: string;
  readonly hint: string;
}

/** In the directory store a bucket is a folder, so its name must be one harmless path segment everywhere. */
function faultOfFolder(bucket: string): Fault | null {
  if (/^(?!\.)[A-Za-z0-9._-]{1,255}$/.test(bucket)) return null;
  const fact = "cannot be a folder's name in the directory store";
  return { fact, hint: "Use letters, digits, '.', '_' and '-', and do not begin with a dot." };
}

/** Servers differ in what they allow; refused is only what would change the address of a request. */
function faultOfBucket(bucket: string): Fault | null {
  if (Buffer.byteLength(bucket) > MANIFEST_LIMITS.bucketBytes) {
    return { fact: `is longer than ${MANIFEST_LIMITS.bucketBytes} bytes`, hint: "Write the bucket's own name." };
  }
  if (!bucket.includes("/") && bucket !== "." && bucket !== "..") return null;
  return { fact: "is a path", hint: "Write the bucket's name alone; all of its objects are brought." };
}
