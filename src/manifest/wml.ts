import type { BucketReference, Credentials, FrameworkRequest, TrainingSpec } from "../domain/training-spec.ts";
import { readAuthor } from "./author.ts";
import { readDataReference, readResultsReference } from "./bucket-reference.ts";
import { readSize } from "./device-sizes.ts";
import { readMap } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { placeOfKey } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import type { Place } from "./place.ts";
import { isPlaceholder } from "./placeholder.ts";
import { readCount, readText } from "./text-value.ts";
import { COMPUTE_CONFIGURATION, EXECUTION, FRAMEWORK, MANIFEST, MODEL_DEFINITION } from "./wml-fields.ts";

/** Where the results go when the manifest names no bucket; the embedded store makes it on first use. */
const DEFAULT_RESULTS: BucketReference = {
  bucket: "trained-models",
  name: null,
  connection: { type: "directory", root: null },
};

export interface WmlReading {
  readonly spec: TrainingSpec;
  readonly credentials: Credentials;
}

/**
 * Reads the manifest of Watson ML, in all of its spellings from October 2017 to 2018. Every part is read whatever
 * is wrong with the others, so that all problems are told at once; null when there was one.
 */
export function readWml(document: Place, findings: Findings): WmlReading | null {
  const places = readMap(document, MANIFEST, placeOfKey, findings);
  const model = readModelDefinition(places?.model_definition, findings);
  const dataPlace = places?.training_data_reference;
  const resultsPlace = places?.training_results_reference;
  const data = dataPlace === undefined ? null : readDataReference(dataPlace, findings);
  const results = resultsPlace === undefined ? null : readResultsReference(resultsPlace, findings);
  if (findings.hasProblems || model === null) return null;
  if (data === null && model.framework.name !== "shell") warnNoData(document, findings);
  if (results === null) warnNoResults(document, findings);
  return {
    spec: { ...model, data: data?.reference ?? null, results: results?.reference ?? DEFAULT_RESULTS },
    credentials: { data: data?.credentials ?? null, results: results?.credentials ?? null },
  };
}

type ModelDefinition = Omit<TrainingSpec, "data" | "results">;

function readModelDefinition(place: Place | undefined, findings: Findings): ModelDefinition | null {
  const places = place === undefined ? null : readMap(place, MODEL_DEFINITION, placeOfKey, findings);
  if (places === null) return null;
  const name = readText(places.name, { maxLength: MANIFEST_LIMITS.nameLength }, findings);
  const descriptionRule = {
    maxLength: MANIFEST_LIMITS.descriptionLength,
    isMultiLine: true,
    mayBeBlank: true,
  } as const;
  const description = readText(places.description, descriptionRule, findings);
  const author = readAuthor(places.author, findings);
  const framework = readFramework(places.framework, findings);
  const execution = readExecution(places.execution, findings);
  if (name === null || framework === null || execution === null) return null;
  return { name, description, author, framework, ...execution };
}

function readFramework(place: Place | undefined, findings: Findings): FrameworkRequest | null {
  const places = place === undefined ? null : readMap(place, FRAMEWORK, placeOfKey, findings);
  const name = readFrameworkText(places?.name, findings);
  const version = readFrameworkText(places?.version, findings);
  return name === null || version === null ? null : { name, version };
}

function readFrameworkText(place: Place | undefined, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.frameworkLength }, findings);
  if (place === undefined || text === null || !isPlaceholder(text)) return text;
  const message = `'${place.path}' is still the placeholder '${text}'.`;
  findings.problem("value_not_filled_in", place, message, "Write a framework that 'trainyard doctor' lists.");
  return null;
}

function readExecution(
  place: Place | undefined,
  findings: Findings,
): Pick<TrainingSpec, "command" | "devices" | "learners"> | null {
  const places = place === undefined ? null : readMap(place, EXECUTION, placeOfKey, findings);
  if (places === null) return null;
  const command = readCommand(places.command, findings);
  const compute = places.compute_configuration;
  const computePlaces = compute === undefined ? null : readMap(compute, COMPUTE_CONFIGURATION, placeOfKey, findings);
  const devices = readDevices(places.resource, computePlaces?.name, findings);
  const learners = readCount(computePlaces?.nodes, MANIFEST_LIMITS.learners, findings) ?? 1;
  return command === null || devices === null ? null : { command, devices, learners };
}

/** Null when it was reported. */
function readDevices(resource: Place | undefined, name: Place | undefined, findings: Findings): number | null {
  const devices = resource === undefined ? undefined : readSize(resource, findings);
  const named = name === undefined ? undefined : readSize(name, findings);
  if (resource !== undefined && name !== undefined && devices !== null && named !== null) {
    const spot = { offset: name.keyOffset, path: name.path };
    const message = `'${name.path}' says the same thing as '${resource.path}'`;
    const hint = "Keep one of the two.";
    if (devices === named) findings.warning("field_duplicated", spot, `${message}.`, hint);
    else findings.problem("field_duplicated", spot, `${message}, with another number of devices.`, hint);
  }
  if (devices === null || named === null) return null;
  return devices ?? named ?? 1;
}

/**
 * The command as one line: the service of that time turned line ends into blanks before the shell saw them. A
 * backslash before a line end goes with it, as in a shell; alone on the joined line it would quote the blank.
 */
function readCommand(place: Place | undefined, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.scalarLength, isMultiLine: true }, findings);
  if (text === null) return null;
  return text
    .replace(/(?<!\\)((?:\\\\)*)\\\r?\n/g, "$1")
    .replace(/\r?\n/g, " ")
    .trimEnd();
}

function warnNoData(document: Place, findings: Findings): void {
  findings.warning(
    "data_absent",
    { offset: document.offset, path: "training_data_reference" },
    "The manifest names no training data, so DATA_DIR will be empty.",
    "Add 'training_data_reference' with the bucket, unless the program brings its data along.",
  );
}

function warnNoResults(document: Place, findings: Findings): void {
  findings.warning(
    "results_embedded",
    { offset: document.offset, path: "training_results_reference" },
    `The manifest names no results bucket, so the results go to the embedded bucket '${DEFAULT_RESULTS.bucket}'.`,
    "Add 'training_results_reference' with a bucket to have them elsewhere.",
  );
}
