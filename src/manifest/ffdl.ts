import { NO_WISHES, type TrainingSpec } from "../domain/training-spec.ts";
import { DEFAULT_RESULTS, warnNoData, warnNoResults } from "./absent-buckets.ts";
import { readAttemptWishes } from "./attempt-wishes.ts";
import { readCommand } from "./command.ts";
import { warnTypeIgnored } from "./device-sizes.ts";
import { CPU, readDeviceType } from "./device-type.ts";
import type { DialectReading } from "./dialect-reading.ts";
import { readEvaluationMetrics } from "./evaluation-metrics.ts";
import { readDataStores } from "./ffdl-data-stores.ts";
import { FRAMEWORK, MANIFEST } from "./ffdl-fields.ts";
import type { Places } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { readFramework } from "./framework.ts";
import { FFDL } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { readMemory } from "./memory-size.ts";
import { readNaming } from "./naming.ts";
import type { Place } from "./place.ts";
import { readMap } from "./read-map.ts";
import { readCount, readNumber } from "./text-value.ts";

/** Reads FfDL's manifest, version 1, in the same way as `readWml` reads Watson ML's. */
export function readFfdl(document: Place, findings: Findings): DialectReading | null {
  const places = readMap(document, MANIFEST, FFDL, findings);
  if (places === null) return null;
  const { name, description } = readNaming(places, findings);
  const frameworkPlaces = places.framework === undefined ? null : readMap(places.framework, FRAMEWORK, FFDL, findings);
  const framework = readFramework(frameworkPlaces, FFDL, findings);
  const command = readCommand(frameworkPlaces?.command, findings);
  const resources = readResources(places, findings);
  const wishes = readAttemptWishes(places, findings);
  const { data, results } = readDataStores(places.data_stores, findings);
  const evaluationMetrics = readEvaluationMetrics(places.evaluation_metrics, FFDL, findings);
  if (findings.hasProblems || name === null || framework === null || command === null) return null;
  if (data === null && framework.name !== "shell") warnNoData(document, "data_stores", findings);
  if (results === null) warnNoResults(document, "data_stores", findings);
  return {
    spec: {
      name,
      description,
      author: null,
      framework,
      command,
      ...resources,
      ...wishes,
      data: data?.reference ?? null,
      selection: data?.selection ?? NO_WISHES.selection,
      results: results?.reference ?? DEFAULT_RESULTS,
      resultsSyncMs: results?.syncMs ?? null,
      checkpoints: "run",
      evaluationMetrics,
    },
    credentials: { data: data?.credentials ?? null, results: results?.credentials ?? null },
  };
}

type Resources = Pick<TrainingSpec, "devices" | "learners" | "cpus" | "memoryBytes" | "deviceType">;

/**
 * Without GPUs a run still takes one of the machine's slots, and must hold no GPU. A part of a GPU was something
 * that FfDL's cluster could grant; here it is a whole one.
 */
function readResources(
  places: Places<"learners" | "gpus" | "cpus" | "memory" | "gpu_type">,
  findings: Findings,
): Resources {
  const learners = readCount(places.learners, MANIFEST_LIMITS.learners, findings) ?? 1;
  const gpus = readNumber(places.gpus, { min: 0, max: MANIFEST_LIMITS.devices }, findings) ?? 0;
  const cpus = readNumber(places.cpus, { min: 0.001, max: MANIFEST_LIMITS.cpus }, findings);
  const memoryBytes = readMemory(places.memory, findings);
  const named = readDeviceType(places.gpu_type, findings);
  const devices = Math.max(1, Math.ceil(gpus));
  if (places.gpus !== undefined && !Number.isInteger(gpus)) {
    const message = `'gpus' is ${gpus}, and devices are granted whole: each learner gets ${devices}.`;
    findings.warning("value_adjusted", places.gpus, message, `Write ${devices}.`);
  }
  // A type without a number of GPUs says nothing: FfDL's own default of both was "none, of type K80".
  if (gpus === 0) return { devices, learners, cpus, memoryBytes, deviceType: CPU };
  if (places.gpu_type === undefined || named === null)
    return { devices, learners, cpus, memoryBytes, deviceType: null };
  if (named === CPU) {
    const message = `'gpu_type' is '${named}', and 'gpus' asks for ${gpus}.`;
    findings.problem("value_invalid", places.gpu_type, message, "Write gpus: 0 for a run that wants none.");
  } else warnTypeIgnored(places.gpu_type, named, devices, "Remove it, or leave it.", findings);
  return { devices, learners, cpus, memoryBytes, deviceType: named };
}
