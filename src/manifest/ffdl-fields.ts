import { ATTEMPT_WISHES, SYNC } from "./attempt-wishes.ts";
import type { Field, FieldTable } from "./field-table.ts";
import { SELECTION } from "./selection.ts";

/** The maps of FfDL's manifest, version 1. */
function table<K extends string>(path: string, fields: Record<K, Field>): FieldTable<K> {
  return { path, fields };
}

export const MANIFEST = table("", {
  name: { type: "text", required: true, meaning: "any text by which you will know the run; need not be unique" },
  description: { type: "text", required: false, meaning: "any text" },
  version: {
    type: "text",
    required: false,
    meaning: "the version of the model, for people",
    unkept: "runs have no version of the model",
  },
  learners: { type: "number", required: false, meaning: "how many learners the run has; 1 when absent" },
  gpus: { type: "number", required: false, meaning: "GPUs for each learner; 0, or absent: none" },
  cpus: { type: "number", required: false, meaning: "CPUs for each learner, such as 0.5" },
  memory: { type: "text", required: false, meaning: "memory for each learner, such as 1.5GiB" },
  gpu_type: { type: "text", required: false, meaning: "the type of GPU, such as nvidia-TeslaK80" },
  storage: {
    type: "text",
    required: false,
    meaning: "the size of the learner's disk",
    ignored: "a run has the disk of the machine that it runs on",
  },
  ...ATTEMPT_WISHES,
  data_stores: { type: "list", required: true, meaning: "a list of the stores that hold data and results" },
  framework: { type: "map", required: true, meaning: "a map of name, version and command" },
  evaluation_metrics: { type: "map", required: false, meaning: "how metrics are found in the program's output" },
});

export const FRAMEWORK = table("framework", {
  name: { type: "text", required: true, meaning: "the name of a framework such as pytorch, tensorflow or shell" },
  version: { type: "text", required: true, meaning: "the version as text, such as 1.5.0-py3 or latest" },
  command: {
    type: "text",
    required: true,
    meaning: "the command line, run by bash in the folder of the model definition",
  },
  image_tag: {
    type: "text",
    required: false,
    meaning: "the tag of a container image",
    ignored: "no container image is used; the version says what is wanted",
  },
  requirements: {
    type: "text",
    required: false,
    meaning: "a requirements.txt in the model definition, whose packages are installed as well; Trainyard's own",
  },
});

export const DATA_STORE = table("data_stores", {
  id: { type: "text", required: false, meaning: "a name for people", aliases: ["data_store_id"] },
  type: { type: "text", required: true, meaning: "the type of the data store" },
  training_data: { type: "map", required: false, meaning: "the bucket whose objects are in DATA_DIR" },
  training_results: {
    type: "map",
    required: false,
    meaning: "the bucket that gets model and logs; without any the embedded bucket `trained-models`",
  },
  connection: { type: "map", required: false, meaning: "how to reach the data store; its keys depend on the type" },
});

const CONTAINER = {
  container: { type: "text", required: true, meaning: "the bucket's name", aliases: ["bucket"] },
} as const satisfies Record<string, Field>;

export const TRAINING_DATA = table("data_stores.training_data", { ...CONTAINER, ...SELECTION });
export const TRAINING_RESULTS = table("data_stores.training_results", { ...CONTAINER, ...SYNC });

export const EVALUATION_METRICS = table("evaluation_metrics", {
  type: { type: "text", required: false, meaning: "what collects the metrics; `none` when absent" },
  image_tag: {
    type: "text",
    required: false,
    meaning: "the tag of the collector's image",
    ignored: "no container image is used",
  },
  in: { type: "text", required: false, meaning: "the folder or file to read, with $JOB_STATE_DIR or $LOG_DIR in it" },
  line_lookahead: { type: "number", required: false, meaning: "how many lines a match may span; FfDL's default is 4" },
  eventTypes: {
    type: "list",
    required: false,
    meaning: "which kinds of TensorBoard events count; all when absent",
    aliases: ["event_types"],
  },
  groups: { type: "map", required: false, meaning: "a map of regular expressions by the label of their metrics" },
});

export const METRIC_GROUP = table("evaluation_metrics.groups.LABEL", {
  regex: { type: "text", required: false, meaning: "a regular expression in Python's syntax, with FfDL's macros" },
  meta: { type: "map", required: false, meaning: "texts by name, such as time: $timestamp" },
  scalars: { type: "map", required: false, meaning: "the metrics by name", aliases: ["values"] },
  etimes: { type: "map", required: false, meaning: "the times by name, such as iteration" },
});

export const METRIC_FIELD = table("evaluation_metrics.groups.LABEL.scalars.NAME", {
  type: { type: "text", required: true, meaning: "FLOAT, INT, STRING or JSONSTRING" },
  value: { type: "text", required: true, meaning: "a constant, or $NAME for what a group of the expression matched" },
});
