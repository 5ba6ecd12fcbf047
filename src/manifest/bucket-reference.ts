import { isSeq } from "yaml";

import type { BucketReference, ConnectionCredentials, DataSelection } from "../domain/training-spec.ts";
import { readSync } from "./attempt-wishes.ts";
import { readBucketName } from "./bucket-name.ts";
import { readConnection } from "./connection.ts";
import type { Places } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { WML } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { placeAt } from "./place.ts";
import type { Place } from "./place.ts";
import { readMap } from "./read-map.ts";
import { readSelection } from "./selection.ts";
import { readStoreType } from "./store-type.ts";
import { readText } from "./text-value.ts";
import { DATA_REFERENCE, RESULTS_REFERENCE, SOURCE, TARGET } from "./wml-fields.ts";

/** A bucket and the secret that opens it. */
export interface ReferenceReading {
  readonly reference: BucketReference;
  readonly credentials: ConnectionCredentials | null;
}

export interface DataReading extends ReferenceReading {
  readonly selection: DataSelection;
}

export interface ResultsReading extends ReferenceReading {
  readonly syncMs: number | null;
}

/** The parts that references to data and to results have under the same names. */
interface Parts {
  readonly reference: Places<"name" | "connection" | "type"> | null;
  readonly bucket: Places<"bucket" | "type"> | null;
}

export function readDataReference(place: Place, findings: Findings): DataReading | null {
  const only = onlyEntry(place, findings);
  const reference = only === null ? null : readMap(only, DATA_REFERENCE, WML, findings);
  const source = reference?.source;
  const bucket = source === undefined ? null : readMap(source, SOURCE, WML, findings);
  const selection = readSelection(reference, findings);
  const reading = only === null ? null : readParts(only, { reference, bucket }, findings);
  return reading === null ? null : { ...reading, selection };
}

export function readResultsReference(place: Place, findings: Findings): ResultsReading | null {
  const only = onlyEntry(place, findings);
  const reference = only === null ? null : readMap(only, RESULTS_REFERENCE, WML, findings);
  const target = reference?.target;
  const bucket = target === undefined ? null : readMap(target, TARGET, WML, findings);
  const syncMs = readSync(reference, findings);
  const reading = only === null ? null : readParts(only, { reference, bucket }, findings);
  return reading === null ? null : { ...reading, syncMs };
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
  const type = readStoreType(place, reference.connection, [reference.type, where?.type], findings);
  if (type === null) {
    readBucketName(where?.bucket, "s3", findings);
    return null;
  }
  const bucket = readBucketName(where?.bucket, type, findings);
  const connection = readConnection(place, reference.connection, type, WML, findings);
  if (bucket === null || connection === null) return null;
  return { reference: { bucket, name, connection: connection.connection }, credentials: connection.credentials };
}
