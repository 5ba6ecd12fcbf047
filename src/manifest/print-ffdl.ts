import { isDeepStrictEqual } from "node:util";

import type { BucketReference, ConnectionCredentials, Credentials, TrainingSpec } from "../domain/training-spec.ts";
import { printAttemptWishes, printSync } from "./attempt-wishes.ts";
import { DEFAULT_RESULTS } from "./absent-buckets.ts";
import { withoutNulls } from "./conversion.ts";
import type { Note } from "./conversion.ts";
import { sizeFor } from "./device-sizes.ts";
import { CPU, FFDL_TYPES } from "./device-type.ts";
import { printMemory } from "./memory-size.ts";
import { printS3, printSwift } from "./print-connection.ts";
import { printMetrics } from "./print-metrics.ts";
import { printSelection } from "./selection.ts";

const S3_KEYS = { endpoint: "auth_url", keyId: "user_name", secret: "password" };

/** CPUs and memory of Watson ML's sizes, which FfDL's manifests say in numbers. */
const SIZE_RESOURCES: Readonly<Record<string, { readonly cpus: number; readonly memory: string }>> = {
  small: { cpus: 6, memory: "12GB" },
  medium: { cpus: 12, memory: "24GB" },
  large: { cpus: 24, memory: "48GB" },
  k80: { cpus: 4, memory: "24GB" },
  k80x2: { cpus: 8, memory: "48GB" },
  k80x4: { cpus: 16, memory: "96GB" },
  p100: { cpus: 8, memory: "24GB" },
  p100x2: { cpus: 16, memory: "48GB" },
  v100: { cpus: 26, memory: "24GB" },
  v100x2: { cpus: 52, memory: "48GB" },
};

/** FfDL's manifest, version 1. */
export function ffdlManifest(spec: TrainingSpec, credentials: Credentials, note: Note): object {
  const { name, description, author, framework, command, evaluationMetrics } = spec;
  if (framework.requirements !== null) note(null, "FfDL installs no 'requirements'; only Trainyard reads them.");
  if (author !== null) note("author", "FfDL has no 'author'; left out.");
  if (spec.checkpoints !== "run") note("checkpoints", "FfDL always shared checkpoints; 'checkpoints' is left out.");
  noteOwnFields(spec, note);
  return withoutNulls({
    name,
    description,
    ...resources(spec, note),
    ...printAttemptWishes(spec),
    data_stores: dataStores(spec, credentials, note),
    framework: withoutNulls({
      name: framework.name,
      version: versionWithPython(spec, note),
      requirements: framework.requirements,
      command,
    }),
    evaluation_metrics: evaluationMetrics === null ? null : printMetrics(evaluationMetrics),
  });
}

/** FfDL took no notice of keys that it did not know, so ours may stay. */
function noteOwnFields(spec: TrainingSpec, note: Note): void {
  const own = { ...printAttemptWishes(spec), ...printSelection(spec.selection), ...printSync(spec.resultsSyncMs) };
  for (const field of Object.keys(own)) note(null, `FfDL has no '${field}'; only Trainyard reads it.`);
}

function resources({ devices, learners, cpus, memoryBytes, deviceType }: TrainingSpec, note: Note): object {
  const isCpu = deviceType === CPU;
  if (isCpu && devices > 1) note("devices", `FfDL has no number of slots beside 'gpus: 0'; ${devices} is left out.`);
  const usual = isCpu ? undefined : SIZE_RESOURCES[sizeFor({ devices, deviceType }) ?? ""];
  if (usual !== undefined && cpus === null) {
    note("cpus", `FfDL takes a number of CPUs; the ${usual.cpus} of Watson ML's size are added.`);
  }
  if (usual !== undefined && memoryBytes === null) {
    note("memoryBytes", `FfDL takes an amount of memory; the ${usual.memory} of Watson ML's size are added.`);
  }
  return {
    learners,
    gpus: isCpu ? 0 : devices,
    gpu_type: isCpu || deviceType === null ? null : (FFDL_TYPES[deviceType] ?? deviceType),
    cpus: cpus ?? usual?.cpus ?? null,
    memory: memoryBytes === null ? (usual?.memory ?? null) : printMemory(memoryBytes),
  };
}

/** FfDL says which Python in the version, in one digit. */
function versionWithPython({ framework: { version, python } }: TrainingSpec, note: Note): string {
  if (python === null) return version;
  const [major] = python;
  if (!/^(?:any|latest|v?[\d.]+)$/i.test(version)) {
    note("framework.python", `FfDL has no 'runtimes'; Python ${python} is left out.`);
    return version;
  }
  note("framework.python", `FfDL has no 'runtimes'; the version says -py${major} instead of Python ${python}.`);
  note("framework.version", `The version is '${version}-py${major}', as FfDL writes it.`);
  return `${version}-py${major}`;
}

interface Store {
  readonly reference: BucketReference;
  readonly credentials: ConnectionCredentials | null;
}

/** One entry where one store has both buckets, which is all that FfDL itself takes; else one for each. */
function dataStores(spec: TrainingSpec, credentials: Credentials, note: Note): object[] {
  const { data, results, resultsSyncMs } = spec;
  const from: Store | null = data === null ? null : { reference: data, credentials: credentials.data };
  const isDefault = isDeepStrictEqual(results, DEFAULT_RESULTS) && resultsSyncMs === null;
  const to: Store | null = isDefault ? null : { reference: results, credentials: credentials.results };
  if (from === null) note(null, "FfDL wants training data, and the manifest names none; Trainyard reads it without.");
  if (from?.reference.connection.type === "directory" || to?.reference.connection.type === "directory") {
    noteDirectories([from, to], note);
  }
  if (from === null || to === null)
    return [from, to].flatMap((store) => (store === null ? [] : entry(store, { from, to }, spec)));
  if (isSameStore(from, to)) {
    const id = data?.name ?? results.name;
    if (id !== (data?.name ?? null)) note("data.name", "FfDL has one name for both buckets of a store: the results'.");
    if (id !== results.name) note("results.name", "FfDL has one name for both buckets of a store: the data's.");
    return [entry({ ...from, reference: { ...from.reference, name: id } }, { from, to }, spec)];
  }
  note(null, "FfDL itself takes one data store, and here are two; Trainyard reads both.");
  return [entry(from, { from, to: null }, spec), entry(to, { from: null, to }, spec)];
}

function noteDirectories(stores: readonly (Store | null)[], note: Note): void {
  const isEmbedded = stores.some(
    (store) => store?.reference.connection.type === "directory" && store.reference.connection.root === null,
  );
  if (isEmbedded) note(null, "FfDL has no store of the type 'directory'; only Trainyard reads it.");
}

function isSameStore(a: Store, b: Store): boolean {
  return (
    isDeepStrictEqual(a.reference.connection, b.reference.connection) && isDeepStrictEqual(a.credentials, b.credentials)
  );
}

function entry(
  { reference: { name, connection }, credentials }: Store,
  buckets: { readonly from: Store | null; readonly to: Store | null },
  { selection, resultsSyncMs }: TrainingSpec,
): object {
  const { from, to } = buckets;
  return withoutNulls({
    id: name,
    type: typeOf(connection),
    training_data: from === null ? null : { container: from.reference.bucket, ...printSelection(selection) },
    training_results: to === null ? null : { container: to.reference.bucket, ...printSync(resultsSyncMs) },
    connection: printConnection(connection, credentials),
  });
}

function typeOf(connection: BucketReference["connection"]): string {
  if (connection.type === "directory") return connection.root === null ? "directory" : "mount_volume";
  return connection.type === "s3" ? "s3_datastore" : "swift_datastore";
}

function printConnection(
  connection: BucketReference["connection"],
  credentials: ConnectionCredentials | null,
): object | null {
  if (connection.type === "swift") return printSwift(connection, credentials);
  if (connection.type === "directory") {
    return connection.root === null ? null : { type: "host_mount", path: connection.root };
  }
  return printS3(connection, credentials, S3_KEYS);
}
