import { ATTEMPT_WISHES, SYNC } from "./attempt-wishes.ts";
import type { Field, FieldTable } from "./field-table.ts";
import { SELECTION } from "./selection.ts";

/**
 * The maps of the Watson ML manifest, 2017 to 2018. The canonical spelling is the page of November 2017's; what
 * earlier and later pages wrote instead is an alias.
 */
function table<K extends string>(path: string, fields: Record<K, Field>): FieldTable<K> {
  return { path, fields };
}

export const MANIFEST = table("", {
  model_definition: { type: "map", required: true, meaning: "what to train and how" },
  training_data_reference: {
    type: "map or list of one",
    required: false,
    meaning: "the bucket whose objects are in DATA_DIR when the command starts; without it DATA_DIR is empty",
    aliases: ["training_data"],
  },
  training_results_reference: {
    type: "map or list of one",
    required: false,
    meaning: "the bucket that gets model and logs; without it the embedded bucket `trained-models`",
    aliases: ["training_results"],
  },
  evaluation_metrics: {
    type: "map",
    required: false,
    meaning: "how metrics are found in the program's output, as FfDL's manifests say it",
  },
});

export const MODEL_DEFINITION = table("model_definition", {
  name: { type: "text", required: true, meaning: "any text by which you will know the run; need not be unique" },
  description: { type: "text", required: false, meaning: "any text" },
  author: {
    type: "text or map",
    required: false,
    meaning: "who wrote it: a map of name and email, or text such as `Ann Other <ann@example.com>`",
  },
  framework: { type: "map", required: true, meaning: "a map of name and version" },
  execution: { type: "map", required: true, meaning: "a map of command and resource" },
  definition_location: {
    type: "any",
    required: false,
    meaning: "where the code was stored in October 2017",
    refused: {
      fact: "names code that was stored with the service of 2017, which is gone",
      hint: "Remove the line, and give the code as a ZIP or folder beside the manifest.",
    },
  },
});

export const AUTHOR = table("model_definition.author", {
  name: { type: "text", required: false, meaning: "the author's name", translations: ["name"] },
  email: {
    type: "text",
    required: false,
    meaning: "the author's address; may be empty",
    translations: ["e-mail", "email"],
  },
});

export const FRAMEWORK = table("model_definition.framework", {
  name: { type: "text", required: true, meaning: "the name of a framework such as pytorch, tensorflow or shell" },
  version: {
    type: "text",
    required: true,
    meaning: "the version as text, such as 1.10 or 1.2-py3; `any` where every version will do",
  },
  runtimes: {
    type: "map or list of one",
    required: false,
    meaning: "a map of name and version, since 2018: the Python that is wanted",
  },
  requirements: {
    type: "text",
    required: false,
    meaning: "a requirements.txt in the model definition, whose packages are installed as well; Trainyard's own",
  },
});

export const RUNTIME = table("model_definition.framework.runtimes", {
  name: { type: "text", required: true, meaning: "always `python`" },
  version: { type: "text", required: true, meaning: "a version such as 3.5, of which only the 3 is binding" },
});

export const EXECUTION = table("model_definition.execution", {
  command: {
    type: "text",
    required: true,
    meaning: "the command line, run by bash in the folder of the model definition",
  },
  resource: {
    type: "text",
    required: false,
    meaning: "small, medium or large: 1, 2 or 4 devices; small when absent",
    aliases: ["resourceType"],
  },
  compute_configuration: { type: "map", required: false, meaning: "a map of name and nodes, since 2018" },
  devices: { type: "number", required: false, meaning: "the number of devices for each learner, instead of a size" },
  device_type: {
    type: "text",
    required: false,
    meaning: "k80, p100, v100 or another type of GPU; `cpu` for a run that wants none",
  },
  gpus: {
    type: "number",
    required: false,
    meaning: "GPUs, as FfDL's manifests say it",
    refused: { fact: "is a field of FfDL's", hint: "Write 'devices' with the number, or 'device_type: cpu' for none." },
  },
  cpus: { type: "number", required: false, meaning: "CPUs for each learner, such as 0.5" },
  memory: { type: "text", required: false, meaning: "memory for each learner, such as 1.5GiB" },
  checkpoints: {
    type: "text",
    required: false,
    meaning: "`run`: CHECKPOINT_DIR is the run's own; `bucket`: it is shared through the results bucket",
  },
  ...ATTEMPT_WISHES,
});

export const COMPUTE_CONFIGURATION = table("model_definition.execution.compute_configuration", {
  name: { type: "text", required: false, meaning: "the size, the same as `resource`" },
  nodes: { type: "number", required: false, meaning: "how many learners the run has; 1 when absent" },
});

const REFERENCE = {
  name: { type: "text", required: false, meaning: "a name for people" },
  connection: { type: "map", required: false, meaning: "how to reach the data store; its keys depend on the type" },
  type: { type: "text", required: false, meaning: "the type of the data store, here or beside the bucket" },
} as const satisfies Record<string, Field>;

const BUCKET = {
  bucket: { type: "text", required: true, meaning: "the bucket's name", aliases: ["container"] },
  type: { type: "text", required: false, meaning: "the type of the data store" },
} as const satisfies Record<string, Field>;

export const DATA_REFERENCE = table("training_data_reference", {
  ...REFERENCE,
  source: { type: "map", required: true, meaning: "a map of bucket and type" },
  ...SELECTION,
});

export const RESULTS_REFERENCE = table("training_results_reference", {
  ...REFERENCE,
  target: { type: "map", required: true, meaning: "a map of bucket and type" },
  ...SYNC,
});

export const SOURCE = table("training_data_reference.source", BUCKET);
export const TARGET = table("training_results_reference.target", BUCKET);
