import { isSeq } from "yaml";

import { readBucketName } from "./bucket-name.ts";
import { readSync } from "./attempt-wishes.ts";
import type { DataReading, ReferenceReading, ResultsReading } from "./bucket-reference.ts";
import { readConnection } from "./connection.ts";
import type { ConnectionReading } from "./connection.ts";
import type { StoreType } from "./connection-fields.ts";
import { DATA_STORE, TRAINING_DATA, TRAINING_RESULTS } from "./ffdl-fields.ts";
import type { Findings } from "./findings.ts";
import { FFDL } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { kindAt, placeAt, textAt } from "./place.ts";
import type { Place } from "./place.ts";
import { readMap } from "./read-map.ts";
import { readSelection } from "./selection.ts";
import { readStoreType } from "./store-type.ts";
import { readText } from "./text-value.ts";

interface Buckets {
  readonly data: DataReading | null;
  readonly results: ResultsReading | null;
}

/** What one entry of `data_stores` says about one of its two buckets, and where. */
interface Part<Reading> {
  readonly place: Place;
  readonly reading: Reading | null;
}

interface StoreReading {
  readonly data: Part<DataReading> | null;
  readonly results: Part<ResultsReading> | null;
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

function onlyPart<Reading>(parts: readonly Part<Reading>[], what: string, findings: Findings): Reading | null {
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
  const reading = (bucket: string | null): ReferenceReading | null =>
    bucket === null || connection === null
      ? null
      : { reference: { bucket, name, connection: connection.connection }, credentials: connection.credentials };
  return {
    data: readTrainingData(places.training_data, type, reading, findings),
    results: readTrainingResults(places.training_results, type, reading, findings),
  };
}

type ReadingOf = (bucket: string | null) => ReferenceReading | null;

function readTrainingData(
  place: Place | undefined,
  type: StoreType | null,
  readingOf: ReadingOf,
  findings: Findings,
): Part<DataReading> | null {
  if (place === undefined) return null;
  const places = readMap(place, TRAINING_DATA, FFDL, findings);
  const reading = readingOf(readBucketName(places?.container, type ?? "s3", findings));
  const selection = readSelection(places, findings);
  return { place, reading: reading === null ? null : { ...reading, selection } };
}

function readTrainingResults(
  place: Place | undefined,
  type: StoreType | null,
  readingOf: ReadingOf,
  findings: Findings,
): Part<ResultsReading> | null {
  if (place === undefined) return null;
  const places = readMap(place, TRAINING_RESULTS, FFDL, findings);
  const reading = readingOf(readBucketName(places?.container, type ?? "s3", findings));
  const syncMs = readSync(places, findings);
  return { place, reading: reading === null ? null : { ...reading, syncMs } };
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
