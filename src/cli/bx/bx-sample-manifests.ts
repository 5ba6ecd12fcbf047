const CONNECTION = `
  connection:
    endpoint_url: <the store's address, https://...>
    access_key_id: <key id>
    secret_access_key: <secret key>`;

const AUTHOR = `
  author:
    name: <your name>
    email: <your email>`;

/** By the noun that each is the sample for: the client's own shapes of 2018, to be filled in at the places in angle brackets. */
export const SAMPLE_MANIFESTS: Readonly<Record<string, string>> = {
  "training-runs": `# One training run. Submit it with: bx ml train ZIP training-runs.yml
model_definition:
  name: my-training-run${AUTHOR}
  description: What this run is for
  framework:
    # Any name and version of: bx ml list frameworks
    name: tensorflow
    version: '1.5'
  execution:
    # Started in the folder with the ZIP's files. The data is in \${DATA_DIR}; what is written to \${RESULT_DIR} is kept.
    command: python3 train.py --data \${DATA_DIR} --model \${RESULT_DIR}/model
    compute_configuration:
      # small, medium or large: 1, 2 or 4 GPUs, or CPU slots where there is none
      name: small
training_data_reference:
  name: my-training-data${CONNECTION}
  source:
    bucket: my-training-data
  type: s3
training_results_reference:
  name: my-training-results${CONNECTION}
  target:
    bucket: my-training-results
  type: s3
`,
  "training-definitions": `# One training definition: a program and its framework, kept to be run by experiments.
name: my-training-definition
description: What this definition is for
author:
  name: <your name>
  email: <your email>
framework:
  name: tensorflow
  version: '1.5'
  runtimes:
    name: python
    version: '3.5'
command: python3 train.py --data \${DATA_DIR} --model \${RESULT_DIR}/model
training_data_reference:
- name: my-training-data
  connection:
    endpoint_url: <the store's address, https://...>
    access_key_id: <key id>
    secret_access_key: <secret key>
  source:
    bucket: my-training-data
    type: s3
`,
  experiments: `# One experiment: several training definitions, run side by side.
settings:
  name: my-experiment
  description: What this experiment is for${AUTHOR}
training_references:
- name: first
  training_definition_url: <the definition's address>
  compute_configuration:
    name: small
- name: second
  training_definition_url: <the definition's address>
  compute_configuration:
    name: small
training_results_reference:
  name: my-experiment-results${CONNECTION}
  target:
    bucket: my-experiment-results
  type: s3
`,
};
