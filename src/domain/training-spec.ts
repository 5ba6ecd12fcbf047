/**
 * What a manifest asks for, after reading and defaults, without any credential.
 * Every dialect of the manifest is read into this one shape.
 */
export interface TrainingSpec {
  readonly name: string;
  readonly description: string | null;
  readonly author: Author | null;
  readonly framework: FrameworkRequest;
  /** One line for the shell, exactly as the manifest's scalar reads; `${DATA_DIR}` is expanded by the shell, not by us. */
  readonly command: string;
  /** Devices for each learner. */
  readonly devices: number;
  readonly learners: number;
  /** Null: no training data; DATA_DIR is an empty folder. */
  readonly data: BucketReference | null;
  readonly results: BucketReference;
  /** CPUs for each learner, where the manifest says so in numbers; a size's own CPUs are not a wish. */
  readonly cpus: number | null;
  /** Memory for each learner, where the manifest says so. */
  readonly memoryBytes: number | null;
  /**
   * `k80`, `p100`, `v100` or the manifest's own word for a type of GPU; `cpu`: the run wants no GPU and must hold
   * none, its devices are CPU slots; null: whatever the machine has.
   */
  readonly deviceType: string | null;
  /**
   * Whose CHECKPOINT_DIR is: the run's own, or `_wml_checkpoints` of the results bucket, which all runs that ask for it
   * share: its objects are there at the start, and what the program leaves goes back at the end.
   */
  readonly checkpoints: "run" | "bucket";
  /** How metrics are found in what the program writes; null where the manifest does not say. */
  readonly evaluationMetrics: EvaluationMetrics | null;
  /** How long the program of one attempt may run; null: as the server is configured. */
  readonly timeLimitMs: number | null;
  /** How many more attempts there may be after a failure that is not the program's fault. */
  readonly retries: number;
  /** Which objects of the training bucket are wanted. */
  readonly selection: DataSelection;
  /** How often results are copied to the bucket while the program runs; null: only at its end. */
  readonly resultsSyncMs: number | null;
}

/** A part of a bucket. Patterns are globs over whole keys, with `/` between names; empty `include` stands for all. */
export interface DataSelection {
  /** Keys that begin with it; they come down without it. Empty: all. */
  readonly prefix: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What a manifest that says nothing of them asks for. */
export const NO_WISHES = {
  timeLimitMs: null,
  retries: 0,
  selection: { prefix: "", include: [], exclude: [] },
  resultsSyncMs: null,
} as const satisfies Partial<TrainingSpec>;

/** A spec as a row may hold it: rows of earlier versions lack the fields that were added since. */
export type StoredSpec = Omit<TrainingSpec, AddedField | "framework"> &
  Partial<Pick<TrainingSpec, AddedField>> & {
    readonly framework: Pick<FrameworkRequest, "name" | "version"> & Partial<FrameworkRequest>;
  };

type AddedField =
  | "cpus"
  | "memoryBytes"
  | "deviceType"
  | "checkpoints"
  | "evaluationMetrics"
  | "timeLimitMs"
  | "retries"
  | "selection"
  | "resultsSyncMs";

/** The spec that a stored one stands for: what an earlier version could not say was not asked for. */
export function completeSpec(stored: StoredSpec): TrainingSpec {
  const { framework, cpus = null, memoryBytes = null, deviceType = null } = stored;
  const { checkpoints = "run", evaluationMetrics = null } = stored;
  const { timeLimitMs, retries, selection, resultsSyncMs } = { ...NO_WISHES, ...stored };
  return {
    ...stored,
    framework: { ...framework, python: framework.python ?? null, requirements: framework.requirements ?? null },
    cpus,
    memoryBytes,
    deviceType,
    checkpoints,
    evaluationMetrics,
    timeLimitMs,
    retries,
    selection,
    resultsSyncMs,
  };
}

export interface Author {
  readonly name: string | null;
  readonly email: string | null;
}

export interface FrameworkRequest {
  readonly name: string;
  /** The source text of the scalar: `1.10` stays `1.10`, `1.2-py3` keeps its suffix. */
  readonly version: string;
  /** The Python asked for apart from the version, as text: `3.5`. Only its first number is binding. */
  readonly python: string | null;
  /** A `requirements.txt` to install as well, by its path in the model definition: relative, with `/`, without `..`. */
  readonly requirements: string | null;
}

/** FfDL's wish for metrics, in its shape: what reads the program's output for them, and how. */
export interface EvaluationMetrics {
  /** One of FfDL's kinds of collector: `regex_extractor`, `tensorboard`, `emetrics_file`, ... */
  readonly type: string;
  /** A folder or file, with `$JOB_STATE_DIR` or `$LOG_DIR` in it. */
  readonly in: string | null;
  /** How many lines a match may span. */
  readonly lineLookahead: number | null;
  /** Which kinds of TensorBoard events count; null: all. */
  readonly eventTypes: readonly string[] | null;
  readonly groups: readonly MetricGroup[];
}

/** Metrics that one regular expression finds together. */
export interface MetricGroup {
  readonly label: string;
  /** Python's syntax, with FfDL's `%{NAME:group}` macros. Not compiled here. */
  readonly regex: string | null;
  readonly meta: Readonly<Record<string, string>>;
  readonly scalars: readonly MetricField[];
  readonly etimes: readonly MetricField[];
}

export interface MetricField {
  readonly key: string;
  readonly type: "FLOAT" | "INT" | "STRING" | "JSONSTRING";
  /** A constant, or `$group` for what a group of the regular expression matched. */
  readonly value: string;
}

/** A bucket and where it is. Credentials travel apart (`Credentials`) so that no answer, log or row can show them. */
export interface BucketReference {
  readonly bucket: string;
  /** The reference's own `name` in the manifest, where it has one. */
  readonly name: string | null;
  readonly connection: Connection;
}

export type Connection =
  /** `root` null is the embedded store, `home/buckets`. */
  | { readonly type: "directory"; readonly root: string | null }
  | { readonly type: "s3"; readonly endpointUrl: string; readonly region: string | null }
  | {
      readonly type: "swift";
      readonly authUrl: string;
      readonly region: string | null;
      readonly domainName: string | null;
      readonly projectId: string | null;
    };

/** The secret half of a connection. `directory` has none. */
export type ConnectionCredentials =
  | { readonly type: "s3"; readonly accessKeyId: string; readonly secretAccessKey: string }
  | { readonly type: "swift"; readonly userName: string; readonly password: string };

/** What a run needs to reach its buckets. Sealed where it enters, opened only where a connection is made. */
export interface Credentials {
  readonly data: ConnectionCredentials | null;
  readonly results: ConnectionCredentials | null;
}
