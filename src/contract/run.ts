import { z } from "zod";
import { MetricView } from "./metrics.ts";
import { RUN_STATES } from "./run-states.ts";

export const RunStateName = z.enum(RUN_STATES);
export type RunStateName = z.infer<typeof RunStateName>;

/** A point in time, ISO 8601 in UTC with milliseconds. */
const Time = z.iso.datetime();

export const BucketView = z.object({
  type: z.enum(["directory", "s3", "swift"]),
  bucket: z.string(),
  /** Where the bucket is: endpoint or folder, never a credential; null for the embedded store. */
  location: z.string().nullable(),
});
export type BucketView = z.infer<typeof BucketView>;

export const FailureView = z.object({
  cause: z.string(),
  /** Whose turn it is: program, data, place, rules or service. */
  turn: z.string(),
  phase: RunStateName,
  attempt: z.int(),
  /** The learner that failed first; null for a run of one. */
  learner: z.int().nullable(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  message: z.string(),
  hint: z.string(),
  logTail: z.array(z.string()),
});
export type FailureView = z.infer<typeof FailureView>;

export const RunView = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    author: z.object({ name: z.string().nullable(), email: z.string().nullable() }).nullable(),
    owner: z.string(),
    state: RunStateName,
    /** Grows by one with every change; pass it to wait for the next one. */
    version: z.int(),
    attempt: z.int(),
    submittedAt: Time,
    startedAt: Time.nullable(),
    endedAt: Time.nullable(),
    changedAt: Time,
    stopRequestedAt: Time.nullable(),
    /** How long the program of one attempt may run; null: as long as it takes. */
    timeLimitSeconds: z.number().nullable(),
    /** How many more attempts there may be after failures that are not the program's. */
    retries: z.int(),
    /** The attempts before the present one, oldest first, and why each failed. */
    pastAttempts: z.array(
      z.object({ attempt: z.int(), startedAt: Time.nullable(), endedAt: Time, cause: z.string(), message: z.string() }),
    ),
    /** Set while the run is deleted and can still be taken back, until `undoUntil`. */
    deletedAt: Time.nullable(),
    undoUntil: Time.nullable(),
    framework: z.object({
      name: z.string(),
      version: z.string(),
      /** The Python asked for apart from the version. */
      python: z.string().nullable(),
      /** A requirements.txt to install as well, by its path in the model definition. */
      requirements: z.string().nullable(),
      /** What it runs in, once chosen: `PyTorch 1.13.1 on Python 3.11.2 (/usr/bin/python3)`. */
      environment: z.string().nullable(),
    }),
    command: z.string(),
    /** Ids of the devices the run holds now. */
    devices: z.array(z.string()),
    devicesRequested: z.int(),
    /** What a device is on this machine: `nvidia` or `cpu_slot`. */
    deviceKind: z.string(),
    learners: z.int(),
    /** CPUs and memory for each learner, and the type of its devices, where the manifest asks for them. */
    cpus: z.number().nullable(),
    memoryBytes: z.int().nullable(),
    deviceType: z.string().nullable(),
    /** Whose CHECKPOINT_DIR is: the run's own, or shared by runs with the same results bucket. */
    checkpoints: z.enum(["run", "bucket"]),
    /** By what means its processes are kept together, so that none is left: `cgroup v2`; null while none runs. */
    processTracking: z.string().nullable(),
    /** Null when the run has no training data. */
    data: BucketView.nullable(),
    /** How the training data came; null before, and for a run without any. */
    staged: z
      .object({
        objects: z.int(),
        sizeBytes: z.int(),
        /** How much of it was in the cache already. */
        cachedObjects: z.int(),
        cachedBytes: z.int(),
        durationMs: z.int(),
        /** By what means DATA_DIR shows it without being able to change it. */
        view: z.string(),
      })
      .nullable(),
    /** How far the training data is; only while it comes. */
    staging: z
      .object({
        objects: z.int(),
        sizeBytes: z.int(),
        /** What the listing has named so far; `isListed` says that it is all. */
        wantedObjects: z.int(),
        wantedBytes: z.int(),
        isListed: z.boolean(),
        bytesPerSecond: z.int(),
        secondsLeft: z.int().nullable(),
      })
      .nullable(),
    /** `folder` is the run's folder in the results bucket; counts are null until everything is stored and verified. */
    results: BucketView.extend({
      folder: z.string(),
      objects: z.int().nullable(),
      sizeBytes: z.int().nullable(),
      storedAt: Time.nullable(),
      /** The run directory's own copy, on the server's machine, where one is kept. */
      localCopy: z.string().nullable(),
    }),
    definition: z.object({ sha256: z.string(), sizeBytes: z.int() }),
    /** Only while the run waits. */
    waiting: z.object({ reason: z.string(), position: z.int() }).nullable(),
    /** What keeps a run from going on that does not wait: a bucket that is tried again, for its data or its results. */
    delayed: z.object({ reason: z.string(), since: Time }).nullable(),
    /** Only when the run failed. */
    failure: FailureView.nullable(),
    /** The metrics that a list was asked by; left out elsewhere. */
    metrics: z.array(MetricView).optional(),
    warnings: z.array(z.string()),
  })
  .meta({ id: "Run" });
export type RunView = z.infer<typeof RunView>;

export const RunList = z.object({ runs: z.array(RunView), nextCursor: z.string().nullable() }).meta({ id: "RunList" });
export type RunList = z.infer<typeof RunList>;

export const EventList = z
  .object({
    events: z.array(z.object({ sequence: z.int(), at: Time, type: z.string(), message: z.string() })),
  })
  .meta({ id: "EventList" });
export type EventList = z.infer<typeof EventList>;

export const ResultList = z
  .object({
    bucket: BucketView,
    folder: z.string(),
    /** `bucket` when the list was read from the results bucket, `local` while the run directory is all there is. */
    source: z.enum(["bucket", "local"]),
    objects: z.array(z.object({ key: z.string(), sizeBytes: z.int() })),
    /** True when the bucket holds more objects than are listed here. */
    truncated: z.boolean(),
  })
  .meta({ id: "ResultList" });
export type ResultList = z.infer<typeof ResultList>;
