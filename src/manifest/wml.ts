import { NO_WISHES, type TrainingSpec } from "../domain/training-spec.ts";
import { DEFAULT_RESULTS, warnNoData, warnNoResults } from "./absent-buckets.ts";
import { readAuthor } from "./author.ts";
import { readDataReference, readResultsReference } from "./bucket-reference.ts";
import type { DialectReading } from "./dialect-reading.ts";
import { readEvaluationMetrics } from "./evaluation-metrics.ts";
import type { Findings } from "./findings.ts";
import { readFramework } from "./framework.ts";
import { WML } from "./known-fields.ts";
import { readNaming } from "./naming.ts";
import type { Place } from "./place.ts";
import { readMap } from "./read-map.ts";
import { readExecution } from "./wml-execution.ts";
import { FRAMEWORK, MANIFEST, MODEL_DEFINITION } from "./wml-fields.ts";

/**
 * Reads the manifest of Watson ML, in all of its spellings from October 2017 to 2018, and Trainyard's, which is the
 * same with a few fields more. Every part is read whatever is wrong with the others, so that all problems are told
 * at once; null when there was one.
 */
export function readWml(document: Place, findings: Findings): DialectReading | null {
  const places = readMap(document, MANIFEST, WML, findings);
  const model = readModelDefinition(places?.model_definition, findings);
  const dataPlace = places?.training_data_reference;
  const resultsPlace = places?.training_results_reference;
  const data = dataPlace === undefined ? null : readDataReference(dataPlace, findings);
  const results = resultsPlace === undefined ? null : readResultsReference(resultsPlace, findings);
  const evaluationMetrics = readEvaluationMetrics(places?.evaluation_metrics, WML, findings);
  if (findings.hasProblems || model === null) return null;
  if (data === null && model.framework.name !== "shell") warnNoData(document, "training_data_reference", findings);
  if (results === null) warnNoResults(document, "training_results_reference", findings);
  const buckets = {
    data: data?.reference ?? null,
    selection: data?.selection ?? NO_WISHES.selection,
    results: results?.reference ?? DEFAULT_RESULTS,
    resultsSyncMs: results?.syncMs ?? null,
  };
  return {
    spec: { ...model, ...buckets, evaluationMetrics },
    credentials: { data: data?.credentials ?? null, results: results?.credentials ?? null },
  };
}

type ModelDefinition = Omit<TrainingSpec, "data" | "selection" | "results" | "resultsSyncMs" | "evaluationMetrics">;

function readModelDefinition(place: Place | undefined, findings: Findings): ModelDefinition | null {
  const places = place === undefined ? null : readMap(place, MODEL_DEFINITION, WML, findings);
  if (places === null) return null;
  const { name, description } = readNaming(places, findings);
  const author = readAuthor(places.author, findings);
  const frameworkPlaces = places.framework === undefined ? null : readMap(places.framework, FRAMEWORK, WML, findings);
  const framework = readFramework(frameworkPlaces, WML, findings);
  const execution = readExecution(places.execution, findings);
  if (name === null || framework === null || execution === null) return null;
  return { name, description, author, framework, ...execution };
}
