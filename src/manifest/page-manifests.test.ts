import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { readManifest } from "./read-manifest.ts";
import { NO_WISHES } from "../domain/training-spec.ts";

function readFixture(name: string) {
  return readManifest(readFileSync(new URL(`../../test/fixtures/manifests/${name}`, import.meta.url)), name);
}

const COMMAND =
  "python3 convolutional_network.py --trainImagesFile ${DATA_DIR}/train-images-idx3-ubyte.gz " +
  "--trainLabelsFile ${DATA_DIR}/train-labels-idx1-ubyte.gz --testImagesFile ${DATA_DIR}/t10k-images-idx3-ubyte.gz " +
  "--testLabelsFile ${DATA_DIR}/t10k-labels-idx1-ubyte.gz --learningRate 0.001 --trainingIters 2000000";

/** What the manifests of Watson ML have no words for. */
const UNSAID = {
  cpus: null,
  memoryBytes: null,
  deviceType: null,
  checkpoints: "run",
  ...NO_WISHES,
  evaluationMetrics: null,
} as const;

const MODEL = {
  name: "tf-mnist-showtest1",
  description: "Simple MNIST model implemented in TF",
  author: { name: "WML User", email: "wmluser@ibm.com" },
  framework: { name: "tensorflow", version: "1.2-py3", python: null, requirements: null },
  command: COMMAND,
  devices: 1,
  learners: 1,
  ...UNSAID,
};

test("the page's S3 example with credentials gives its training spec, its secrets apart", () => {
  const connection = { type: "s3", endpointUrl: "https://s3.us-south.example.com", region: null };
  const secret = { type: "s3", accessKeyId: "0123456789abcdef", secretAccessKey: "1e5" };
  expect(readFixture("page-s3-filled.yml")).toEqual({
    spec: {
      ...MODEL,
      data: { bucket: "mnist-training-data", name: null, connection },
      results: { bucket: "mnist-training-models", name: null, connection },
    },
    credentials: { data: secret, results: secret },
    problems: [],
    warnings: [],
  });
});

test("the page's Swift example keeps `no`, `0123` and a date as the text they are", () => {
  const reading = readFixture("page-swift-filled.yml");
  expect(reading.problems).toEqual([]);
  expect(reading.spec?.data?.connection).toEqual({
    type: "swift",
    authUrl: "https://identity.example.com",
    region: "dallas",
    domainName: "1234567",
    projectId: "2017-11-16",
  });
  const secret = { type: "swift", userName: "no", password: "0123" };
  expect(reading.credentials).toEqual({ data: secret, results: secret });
});

test("the page's S3 example as it stands has one problem on the line of each placeholder", () => {
  const { spec, credentials, problems } = readFixture("page-s3.yml");
  expect([spec, credentials]).toEqual([null, null]);
  expect(problems.map(({ code, line, column, path }) => `${code} ${line}:${column} ${path}`)).toEqual([
    "credential_not_filled_in 18:19 training_data[0].connection.endpoint_url",
    "credential_not_filled_in 19:24 training_data[0].connection.aws_access_key_id",
    "credential_not_filled_in 20:28 training_data[0].connection.aws_secret_access_key",
    "credential_not_filled_in 26:19 training_results.connection.endpoint_url",
    "credential_not_filled_in 27:24 training_results.connection.aws_access_key_id",
    "credential_not_filled_in 28:28 training_results.connection.aws_secret_access_key",
  ]);
});

test("the page's Swift example as it stands has one problem on the line of each placeholder", () => {
  const { problems } = readFixture("page-swift.yml");
  expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["credential_not_filled_in"]));
  expect(problems.map(({ line }) => line)).toEqual([18, 19, 20, 21, 22, 23, 29, 30, 31, 32, 33, 34]);
});

test("the JSON shape of October 2017 is read: container, userId, resourceType, author as text", () => {
  const { spec, credentials, problems } = readFixture("october-2017.json");
  expect(problems).toEqual([]);
  expect(spec).toMatchObject({
    author: { name: "Ann Other", email: null },
    devices: 2,
    data: { bucket: "digits", connection: { type: "swift", authUrl: "https://dal05.example.com/auth/v1.0" } },
  });
  expect(credentials?.results).toEqual({ type: "swift", userName: "SLOS1-2:ann", password: "null-and-void" });
});

test("the shape of March 2018 is read, and what it asks for in vain is told", () => {
  const { spec, credentials, problems, warnings } = readFixture("march-2018.yml");
  expect(problems).toEqual([]);
  expect(spec).toMatchObject({
    author: { name: "DL Developer", email: null },
    command: "python3 prepare.py && python3 train.py --epochs 3;",
    framework: { name: "tensorflow", version: "1.5", python: "3.5" },
    devices: 2,
    deviceType: "k80",
    learners: 1,
    data: { name: "digits in a bucket", connection: { endpointUrl: "https://s3.us-east.example.com" } },
  });
  expect(credentials?.data).toEqual({ type: "s3", accessKeyId: "0123", secretAccessKey: "yes" });
  expect(warnings.map(({ code, line }) => `${code} ${line}`)).toEqual(["device_type_ignored 18"]);
});

test("a manifest that names nothing outside keeps its results in the embedded store", () => {
  const { spec, credentials, warnings } = readFixture("embedded.yml");
  expect(spec).toEqual({
    name: "first try",
    description: null,
    author: null,
    framework: { name: "shell", version: "any", python: null, requirements: null },
    command: 'echo "$RESULT_DIR"',
    devices: 1,
    learners: 1,
    ...UNSAID,
    data: null,
    results: { bucket: "trained-models", name: null, connection: { type: "directory", root: null } },
  });
  expect(credentials).toEqual({ data: null, results: null });
  expect(warnings.map(({ code }) => code)).toEqual(["results_embedded"]);
});
