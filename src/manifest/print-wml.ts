import {
  NO_WISHES,
  type BucketReference,
  type ConnectionCredentials,
  type Credentials,
  type DataSelection,
  type TrainingSpec,
} from "../domain/training-spec.ts";
import { printAttemptWishes, printSync } from "./attempt-wishes.ts";
import { CANONICAL_TYPES } from "./connection-fields.ts";
import { withoutNulls } from "./conversion.ts";
import type { Note } from "./conversion.ts";
import { SIZES, sizeFor } from "./device-sizes.ts";
import { printMemory } from "./memory-size.ts";
import { printS3, printSwift } from "./print-connection.ts";
import { printMetrics } from "./print-metrics.ts";
import { printSelection } from "./selection.ts";

const S3_KEYS = { endpoint: "endpoint_url", keyId: "aws_access_key_id", secret: "aws_secret_access_key" };

/** Watson ML's manifest, as it was from the page of November 2017 on. */
export function wmlManifest(spec: TrainingSpec, credentials: Credentials, note: Note): object {
  if (spec.evaluationMetrics !== null) note("evaluationMetrics", "Watson ML has no 'evaluation_metrics'; left out.");
  if (spec.cpus !== null) note("cpus", `Watson ML takes no number of CPUs; ${spec.cpus} is left out.`);
  if (spec.memoryBytes !== null) {
    note("memoryBytes", `Watson ML takes no amount of memory; ${printMemory(spec.memoryBytes)} is left out.`);
  }
  if (spec.checkpoints !== "run")
    note("checkpoints", "Watson ML always shared checkpoints; 'checkpoints' is left out.");
  if (spec.framework.requirements !== null) {
    note(null, "Watson ML installs no 'requirements'; only Trainyard reads them.");
  }
  if ([spec.data, spec.results].some((reference) => reference?.connection.type === "directory")) {
    note(null, "Watson ML has no store of the type 'directory'; only Trainyard reads it.");
  }
  noteOwnFields(spec, note);
  return manifest({ ...spec, ...NO_WISHES }, credentials, wmlResources(spec, note), {});
}

/** Watson ML refused keys that it did not know, so ours are left out. */
function noteOwnFields({ timeLimitMs, retries, selection, resultsSyncMs }: TrainingSpec, note: Note): void {
  if (timeLimitMs !== null) note("timeLimitMs", "Watson ML has no 'time_limit'; left out.");
  if (retries !== 0) note("retries", "Watson ML has no 'retries'; left out.");
  const parts = Object.keys(printSelection(selection)) as (keyof DataSelection)[];
  for (const part of parts) note(`selection.${part}`, `Watson ML takes whole buckets; '${part}' is left out.`);
  if (resultsSyncMs !== null) note("resultsSyncMs", "Watson ML stores results at the end only; 'sync' is left out.");
}

/** Ours: the same with the fields that Watson ML had no place for. */
export function trainyardManifest(spec: TrainingSpec, credentials: Credentials): object {
  const { devices, learners, cpus, memoryBytes, deviceType, checkpoints, evaluationMetrics } = spec;
  const size = sizeFor({ devices, deviceType: null });
  const resources = withoutNulls({
    ...(size === undefined ? { devices } : { resource: size }),
    compute_configuration: learners === 1 ? null : { nodes: learners },
    device_type: deviceType,
    cpus,
    memory: memoryBytes === null ? null : printMemory(memoryBytes),
    checkpoints: checkpoints === "run" ? null : checkpoints,
    ...printAttemptWishes(spec),
  });
  const metrics = evaluationMetrics === null ? {} : { evaluation_metrics: printMetrics(evaluationMetrics) };
  return manifest(spec, credentials, resources, metrics);
}

function wmlResources({ devices, deviceType, learners }: TrainingSpec, note: Note): object {
  const nodes = learners === 1 ? {} : { nodes: learners };
  const typed = deviceType === null ? undefined : sizeFor({ devices, deviceType });
  if (typed !== undefined) return { compute_configuration: { name: typed, ...nodes } };
  if (deviceType !== null) {
    note("deviceType", `Watson ML has no size for ${devices} x '${deviceType}'; the type is left out.`);
  }
  const size = sizeFor({ devices, deviceType: null });
  if (size === undefined) {
    note("devices", `Watson ML has no size for ${devices} devices; 'large' asks for ${SIZES.large}.`);
  }
  const name = size ?? "large";
  return learners === 1 ? { resource: name } : { compute_configuration: { name, ...nodes } };
}

function manifest(spec: TrainingSpec, credentials: Credentials, resources: object, more: object): object {
  const { name, description, author, framework, command, data, results, selection, resultsSyncMs } = spec;
  const runtimes = framework.python === null ? null : { name: "python", version: framework.python };
  return {
    model_definition: withoutNulls({
      name,
      description,
      author: author === null ? null : withoutNulls({ ...author }),
      framework: withoutNulls({
        name: framework.name,
        version: framework.version,
        runtimes,
        requirements: framework.requirements,
      }),
      execution: { command, ...resources },
    }),
    ...(data === null
      ? {}
      : { training_data_reference: { ...reference(data, "source", credentials.data), ...printSelection(selection) } }),
    training_results_reference: {
      ...reference(results, "target", credentials.results),
      ...printSync(resultsSyncMs),
    },
    ...more,
  };
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
  return connection.type === "s3" ? printS3(connection, credentials, S3_KEYS) : printSwift(connection, credentials);
}
