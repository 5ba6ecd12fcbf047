import { existsSync, readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { readManifest } from "./read-manifest.ts";

/** Manifests of the time as they were published; not ours to copy, so they are read where they lie beside. */
const FOLDER = new URL("../../../shared/manifests/", import.meta.url);

/** A clone on its own has no such folder; where every test must run, its absence is a failure. */
const isExpected = process.env["CI"] === "true" || existsSync(FOLDER);

const S3 = { type: "s3", endpointUrl: "http://s3.default.svc.cluster.local", region: null };
const FFDL_BUCKETS = {
  data: { bucket: "tf_training_data", name: "sl-internal-os", connection: S3 },
  results: { bucket: "tf_trained_model", name: "sl-internal-os", connection: S3 },
};
/** What FfDL's `gpus: 0` is here. */
const NO_GPU = { devices: 1, deviceType: "cpu" };
const TENSORBOARD = { type: "tensorboard", in: "$JOB_STATE_DIR/logs/tb", groups: [] };

const GB = 1e9;
const MIB = 1024 ** 2;

/** The published file, and what its spec has, where it is read; else the one code of all its problems, and a hint. */
const READ: Readonly<Record<string, object>> = {
  "IBM__FfDL__etc__examples__caffe-model__manifest.yml": {
    ...FFDL_BUCKETS,
    ...NO_GPU,
    cpus: 0.5,
    memoryBytes: 300 * MIB,
    framework: { name: "caffe", version: "cpu" },
    command: "caffe train -solver lenet_solver.prototxt",
  },
  "IBM__FfDL__etc__examples__horovod__manifest_tfmnist.yml": {
    ...FFDL_BUCKETS,
    ...NO_GPU,
    cpus: 1,
    memoryBytes: GB,
    learners: 2,
    framework: { name: "horovod", version: "0.13.10-tf1.9.0-torch0.4.0-py3.5" },
  },
  "IBM__FfDL__etc__examples__pytorch-launch-dist__manifest.yml": {
    ...FFDL_BUCKETS,
    devices: 1,
    deviceType: null,
    cpus: 8,
    memoryBytes: 16 * GB,
    learners: 2,
    framework: { name: "custom", version: "tomcli/pytorch:latest" },
    evaluationMetrics: { ...TENSORBOARD, in: "$JOB_STATE_DIR/logs/tb/test" },
  },
  "IBM__FfDL__etc__examples__pytorch-model__manifest.yml": {
    ...FFDL_BUCKETS,
    ...NO_GPU,
    memoryBytes: 1000 * MIB,
    learners: 1,
    framework: { name: "pytorch", version: "latest" },
  },
  "IBM__FfDL__etc__examples__tf-distributed__manifest.yml": {
    ...FFDL_BUCKETS,
    ...NO_GPU,
    memoryBytes: 1024 * MIB,
    learners: 2,
    framework: { name: "tensorflow", version: "1.5.0-py3" },
  },
  "IBM__FfDL__etc__examples__tf-model__manifest-hostmount.yml": {
    ...NO_GPU,
    cpus: 0.25,
    evaluationMetrics: TENSORBOARD,
    data: {
      bucket: "local-dlaas-ci-tf-training-data",
      name: "hostmount",
      connection: { type: "directory", root: "/cosdata" },
    },
  },
  "IBM__FfDL__etc__examples__tf-model__manifest.yml": {
    ...FFDL_BUCKETS,
    ...NO_GPU,
    evaluationMetrics: TENSORBOARD,
  },
  "IBM__FfDL__etc__examples__tf-model__manifest@8ddc3b8.yml": {
    ...FFDL_BUCKETS,
    ...NO_GPU,
    memoryBytes: 500 * MIB,
    framework: { name: "tensorflow", version: "1.3-py3" },
  },
  "pmservice__wml-sample-models__tensorflow__hand-written-digit-recognition__meta__tf-train.yaml": {
    framework: { name: "tensorflow", version: "1.5", python: "3.5" },
    author: { name: "DL Developer", email: null },
    devices: 1,
    deviceType: "k80",
    data: {
      bucket: "training-data",
      connection: { endpointUrl: "https://s3-api.us-geo.objectstorage.service.networklayer.com" },
    },
  },
};

const NOT_FILLED_IN = "credential_not_filled_in";
const KIND = "manifest_kind";
const DEFINITIONS = "bx ml store training-definitions";
const EXPERIMENTS = "bx ml store experiments";

const REFUSED: Readonly<Record<string, readonly [code: string, hint: string]>> = {
  "CHATTG1__PredictiveModeling__ml_dlaas_hpo@2018-03-21-2eff175.md-block1.yml": [KIND, EXPERIMENTS],
  "CHATTG1__PredictiveModeling__ml_dlaas_hpo@2018-03-21-2eff175.md-block2.yml": [KIND, EXPERIMENTS],
  "CHATTG1__PredictiveModeling__ml_dlaas_working_with_experiments@2018-03-21-2eff175.md-block1.yml": [
    KIND,
    EXPERIMENTS,
  ],
  "CHATTG1__PredictiveModeling__ml_dlaas_working_with_new_models@2017-11-03-c8ed9e1.md-block1.json": [
    NOT_FILLED_IN,
    "address of the identity service",
  ],
  "CHATTG1__PredictiveModeling__ml_dlaas_working_with_new_models@2018-03-21-2eff175.md-block1.yml": [
    NOT_FILLED_IN,
    "address of the S3 service",
  ],
  "CHATTG1__PredictiveModeling__ml_dlaas_working_with_training_definitions@2018-03-21-2eff175.md-block1.yml": [
    KIND,
    DEFINITIONS,
  ],
  // Its tabs are no YAML; the shape was never read by any server.
  "IBM__FfDL__cli-init-output.yml": ["manifest_syntax", "Indent with blanks"],
  "IBM__FfDL__etc__converter__sample-FfDL.yaml": [NOT_FILLED_IN, "address of the S3 service"],
  "IBM__FfDL__etc__converter__sample-WML.yaml": [NOT_FILLED_IN, "id of the access key"],
  "IBM__FfDL__restapi__api_v1__swagger-ui__manifest.yml": [KIND, "cf push"],
  "IBM__MAX-Name-Generator__training-runs.yml": [NOT_FILLED_IN, "id of the access key"],
  "IBM__PredictiveModeling__nl__de__ml_dlaas_working_with_new_models@b83c855.md-block1.yml": [
    NOT_FILLED_IN,
    "address of the S3 service",
  ],
  "IBM__PredictiveModeling__nl__de__ml_dlaas_working_with_new_models@b83c855.md-block2.yml": [
    NOT_FILLED_IN,
    "address of the identity service",
  ],
  "nheidloff__watson-deep-learning-javascript__model__tf-train.yaml": [NOT_FILLED_IN, "id of the access key"],
  "pmservice__wml-sample-models__tensorflow__hand-written-digit-recognition__meta__experiments-hpo.yaml": [
    KIND,
    EXPERIMENTS,
  ],
  // Its command stands where only a run's manifest has one, and still it is a training definition.
  "pmservice__wml-sample-models__tensorflow__hand-written-digit-recognition__meta__tf-train-hpo.yaml": [
    KIND,
    DEFINITIONS,
  ],
};

function read(name: string, options = {}) {
  return readManifest(readFileSync(new URL(encodeURIComponent(name), FOLDER)), name, options);
}

describe.runIf(isExpected)("of the collected manifests", () => {
  test("every one has a verdict", () => {
    expect(readdirSync(FOLDER).toSorted()).toEqual([...Object.keys(READ), ...Object.keys(REFUSED)].toSorted());
  });

  test.each(Object.entries(READ))("%s is read", (name, expected) => {
    const { spec, problems } = read(name);
    expect(problems).toEqual([]);
    expect(spec).toMatchObject(expected);
  });

  test.each(Object.entries(REFUSED))("%s is refused for its reason", (name, [code, hint]) => {
    const { spec, problems } = read(name);
    expect(spec).toBeNull();
    expect([...new Set(problems.map((problem) => problem.code))]).toEqual([code]);
    expect(problems[0]?.hint).toContain(hint);
    expect(problems.every(({ line }) => line !== null)).toBe(true);
  });

  test('the stray quote of step" is told with its line', () => {
    const name = "CHATTG1__PredictiveModeling__ml_dlaas_hpo@2018-03-21-2eff175.md-block2.yml";
    expect(read(name).warnings).toMatchObject([{ code: "key_quoted", line: 30, hint: "Write 'step'." }]);
  });

  test.each(Object.keys(REFUSED).filter((name) => REFUSED[name]?.[0] === NOT_FILLED_IN && !name.includes("MAX")))(
    "%s can be converted with its placeholders",
    (name) => {
      expect(read(name, { forConversion: true }).problems).toEqual([]);
    },
  );
});
