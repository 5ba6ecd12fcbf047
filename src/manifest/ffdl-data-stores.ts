import { isSeq } from "yaml";

import { readBucketName } from "./bucket-name.ts";
import type { ReferenceReading } from "./bucket-reference.ts";
import { readConnection } from "./connection.ts";
import type { ConnectionReading } from "./connection.ts";
import type { StoreType } from "./connection-fields.ts";
import { DATA_STORE, TRAINING_DATA, TRAINING_RESULTS } from "./ffdl-fields.ts";
import type { FieldTable } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { FFDL } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { kindAt, placeAt, textAt } from "./place.ts";
import type { Place } from "./place.ts";
import { readMap } from "./read-map.ts";
import { readStoreType } from "./store-type.ts";
import { readText } from "./text-value.ts";

interface Buckets {
  readonly data: ReferenceReading | null;
  readonly results: ReferenceReading | null;
}

/** What one entry of `data_stores` says about one of its two buckets, and where. */
interface Part {
  readonly place: Place;
  readonly reading: ReferenceReading | null;
}

interface StoreReading {
  readonly data: Part | null;
  readonly results: Part | null;
}

/**
 * The bucket with the data and the one for the results. FfDL's guide allowed several stores and its server one; here
 * data may come from one store and results go to another, but there is one bucket of each kind.
 */
export function readDataStores(place: Place | undefined, findings: Findings): Buckets {
  if (place === undefined) return { data: null, results: null };
  if (!isSeq(place.node)) {
    const message = `'${place.path}' must be a list, and it is ${kindAt(place)}.`;
    findings.problem("value_invalid", place, message, "Begin each store with '- '.");
    return { data: null, results: null };
  }
  const stores = place.node.items.map((item, i) =>
    readDataStore(placeAt(item, `${place.path}[${i}]`, item.range[0]), findings),
  );
  return {
    data: onlyPart(
      stores.flatMap(({ data }) => data ?? []),
      "training data",
      findings,
    ),
    results: onlyPart(
      stores.flatMap(({ results }) => results ?? []),
      "results",
      findings,
    ),
  };
}

function onlyPart(parts: readonly Part[], what: string, findings: Findings): ReferenceReading | null {
  const [first, second] = parts;
  if (first !== undefined && second !== undefined) {
    const message = `'${second.place.path}' is a second bucket for ${what}, after '${first.place.path}'.`;
    findings.problem("feature_unsupported", second.place, message, `Leave one bucket for ${what}.`);
  }
  return first?.reading ?? null;
}

function readDataStore(place: Place, findings: Findings): StoreReading {
  const places = readMap(place, DATA_STORE, FFDL, findings);
  if (places === null) return { data: null, results: null };
  const name = readText(places.id, { maxLength: MANIFEST_LIMITS.nameLength, mayBeBlank: true }, findings);
  const type = places.type === undefined ? null : readStoreType(place, places.connection, [places.type], findings);
  const connection = type === null ? null : readConnection(place, places.connection, type, FFDL, findings);
  if (connection !== null && places.type !== undefined) requirePath(place, places.type, connection, findings);
  const part = (where: Place | undefined, table: FieldTable<"container">): Part | null => {
    if (where === undefined) return null;
    const bucket = readContainer(where, table, type, findings);
    const reading =
      bucket === null || connection === null
        ? null
        : {
            reference: { bucket, name, connection: connection.connection },
            credentials: connection.credentials,
          };
    return { place: where, reading };
  };
  return { data: part(places.training_data, TRAINING_DATA), results: part(places.training_results, TRAINING_RESULTS) };
}

function readContainer(
  place: Place,
  table: FieldTable<"container">,
  type: StoreType | null,
  findings: Findings,
): string | null {
  const places = readMap(place, table, FFDL, findings);
  return readBucketName(places?.container, type ?? "s3", findings);
}

/** The embedded store needs no folder; a mounted volume without one is a mistake. */
function requirePath(place: Place, type: Place, { connection }: ConnectionReading, findings: Findings): void {
  if (textAt(type) !== "mount_volume" || connection.type !== "directory" || connection.root !== null) return;
  findings.problem(
    "field_missing",
    { offset: place.keyOffset, path: `${place.path}.connection.path` },
    `'${place.path}' is a mounted volume without a folder.`,
    "Add 'connection' with 'path': the absolute path of the folder that holds the buckets.",
  );
}
