import { expect, test } from "vitest";

import { readManifest } from "./read-manifest.ts";
import type { ManifestReading } from "./read-manifest.ts";

/** What real manifests of the time hold that a careless reader trips over; each test names the trap. */

const CONNECTION = "{endpoint_url: https://s3.example.com, access_key_id: id, secret_access_key: secret}";

function read(parts: { framework?: string; execution?: string; rest?: string } = {}): ManifestReading {
  return readManifest(
    [
      "model_definition:",
      "  name: digits",
      `  framework: ${parts.framework ?? "{name: tensorflow, version: 1.5}"}`,
      "  execution:",
      `    ${parts.execution ?? "command: ls"}`,
      parts.rest ?? "training_data: {source: {bucket: in}}\ntraining_results: {target: {bucket: out}}",
    ].join("\n"),
    "job.yaml",
  );
}

function told(findings: ManifestReading["problems"]): string[] {
  return findings.map(({ code, path }) => `${code} ${path}`);
}

test.each(["1.5", "0.3", "1.15", "1.10", "1.0"])("a version without quotes, %s, keeps its text", (version) => {
  expect(read({ framework: `{name: tensorflow, version: ${version}}` }).spec?.framework.version).toBe(version);
});

test("comments at column 0, indentation by 3 here and 4 there, and trailing blanks are harmless", () => {
  const text = `model_definition:
   framework:
#framework name and version
      name: tensorflow
      version: '1.5'   
#name of the training-run
   name: name-generator
   execution:
#Command to execute
       command: python3 example.py  
       compute_configuration:
#Valid values for name - k80/k80x2
           name: small
training_data_reference:
#Source connection object credentials
    connection:
       endpoint_url: https://s3.example.com
       access_key_id: < from cloud portal > 
       secret_access_key: abc  
    source:
     bucket: in
    type: s3
`;
  expect(told(readManifest(text, "job.yml").problems)).toEqual([
    "credential_not_filled_in training_data_reference.connection.access_key_id",
  ]);
  expect(readManifest(text.replace(/< from.*> /, "id"), "job.yml").problems).toEqual([]);
});

test.each(["<username>", "< YOUR SAVED ACCESS KEY >", "", "'' # yours", "~"])(
  "a credential that is written %j was not filled in, and says so with its line",
  (value) => {
    const rest = `training_data:\n  connection:\n    endpoint_url: s3.example.com\n    secret_access_key: a\n    access_key_id: ${value}\n  source: {bucket: in, type: s3}`;
    expect(read({ rest }).problems).toMatchObject([{ code: "credential_not_filled_in", line: 10 }]);
  },
);

test("an endpoint without a scheme is https", () => {
  const connection = CONNECTION.replace("https://s3.example.com", "s3.us-east.objectstorage.softlayer.net");
  const { spec } = read({ rest: `training_data: {connection: ${connection}, source: {bucket: in, type: s3}}` });
  expect(spec?.data?.connection).toMatchObject({ endpointUrl: "https://s3.us-east.objectstorage.softlayer.net" });
});

test("a key that ends in a stray quote is understood without it, with a warning", () => {
  const { spec, problems, warnings } = read({ execution: `command": ls` });
  expect([spec?.command, problems]).toEqual(["ls", []]);
  expect(warnings).toMatchObject([{ code: "key_quoted", line: 5, column: 5, hint: "Write 'command'." }]);
});

test("the same field with and without the stray quote is given twice", () => {
  expect(told(read({ execution: `command": ls\n    command: pwd` }).problems)).toEqual([
    "field_duplicated model_definition.execution.command",
  ]);
});

test.each([
  [
    "framework: {name: tensorflow}\nexecution: {command: ls, compute_configuration: {name: k80}}",
    "training-definitions",
  ],
  ["name: a\nframework: {name: tensorflow}\ncommand: ls\ntraining_data_reference: []", "training-definitions"],
  ["name: a\nframework: {name: tensorflow}", "training-definitions"],
  ["settings: {name: a}\ntraining_references: []", "experiments"],
  ["hyper_parameters_optimization: {method: {name: random}}", "experiments"],
])("%j is answered with the command that takes it", (text, noun) => {
  const { problems } = readManifest(text, "job.yaml");
  expect(problems).toMatchObject([{ code: "manifest_kind", line: 1 }]);
  expect(problems[0]?.hint).toMatch(
    new RegExp(`'bx ml store ${noun}' takes( it)?, which this version does not have yet`),
  );
});

test.each([
  ["runtimes: \n      name: python\n      version: '3.5'", "3.5"],
  ["runtimes:\n    - name: python\n      version: 3.5", "3.5"],
  ["runtimes: {name: Python, version: 3}", "3"],
  ["runtimes: []", null],
  ["runtimes:", null],
])("%j is Python %s", (runtimes, python) => {
  const { spec, problems } = read({ framework: `\n    name: tensorflow\n    version: '1.5'\n    ${runtimes}` });
  expect(problems).toEqual([]);
  expect(spec?.framework).toEqual({ name: "tensorflow", version: "1.5", python, requirements: null });
});

test.each([
  ["{name: tensorflow, version: 1.5, runtimes: {name: r, version: 3}}", "value_invalid", "runtimes.name"],
  ["{name: tensorflow, version: 1.5, runtimes: {name: python, version: 4}}", "value_invalid", "runtimes.version"],
  ["{name: tensorflow, version: 1.5, runtimes: {name: python}}", "field_missing", "runtimes.version"],
  ["{name: tensorflow, version: 1.5, runtimes: python}", "value_invalid", "runtimes"],
  ["{name: tensorflow, version: 1.5, runtimes: [{name: python, version: 3}, {}]}", "value_invalid", "runtimes"],
  ["{name: tensorflow, version: 1.2-py2, runtimes: {name: python, version: 3.5}}", "value_invalid", "runtimes.version"],
])("the framework %s is refused", (framework, code, path) => {
  expect(told(read({ framework }).problems)).toEqual([`${code} model_definition.framework.${path}`]);
});

test.each(["requirements.txt", "./requirements.txt", "env/pip.txt"])(
  "requirements in %s are kept as a path",
  (path) => {
    const { spec, problems } = read({ framework: `{name: pytorch, version: any, requirements: ${path}}` });
    expect([spec?.framework.requirements, problems]).toEqual([path.replace("./", ""), []]);
  },
);

test.each(["/etc/passwd", "../a.txt", "a/../../b", "a//b", ".", "a\\b", '"a\\0b"'])(
  "requirements in %s are refused",
  (path) => {
    expect(told(read({ framework: `{name: pytorch, version: any, requirements: ${path}}` }).problems)).toEqual([
      "value_invalid model_definition.framework.requirements",
    ]);
  },
);

test.each(["training_data", "training_data_reference"])("%s is read with S3 and with Swift", (key) => {
  const swift = "{auth_url: https://identity.example.com, user_name: ann, password: pw, project_id: p}";
  const s3 = read({ rest: `${key}: [{connection: ${CONNECTION}, source: {bucket: in, type: s3}}]` });
  expect(s3.spec?.data?.connection.type).toBe("s3");
  const other = read({ rest: `${key}: [{connection: ${swift}, source: {bucket: in, type: bluemix_objectstore}}]` });
  expect(other.spec?.data?.connection.type).toBe("swift");
});

test.each([
  ...["endpoint_url", "auth_url", "endpoint"].map((key) => [key, "access_key_id", "secret_access_key"]),
  ...["aws_access_key_id", "user_name", "userId"].map((key) => ["endpoint_url", key, "secret_access_key"]),
  ...["aws_secret_access_key", "password"].map((key) => ["endpoint_url", "access_key_id", key]),
])("S3 is reached with %s, %s and %s", (endpoint, id, secret) => {
  const connection = `{${endpoint}: https://s3.example.com, ${id}: key-id, ${secret}: pw, region: us-standard}`;
  const { spec, credentials, warnings } = read({
    rest: `training_data: {connection: ${connection}, source: {bucket: in, type: s3}}\ntraining_results: {target: {bucket: out}}`,
  });
  const where = { type: "s3", endpointUrl: "https://s3.example.com", region: "us-standard" };
  expect(spec?.data?.connection).toEqual(where);
  expect(credentials?.data).toEqual({ type: "s3", accessKeyId: "key-id", secretAccessKey: "pw" });
  expect(warnings).toEqual([]);
});

test.each([
  ["user_name", "domain_name", "project_id"],
  ["username", "domainName", "projectId"],
  ["userId", "domain_name", "project_id"],
])("Swift is reached with %s, %s and %s", (user, domain, project) => {
  const connection = `{auth_url: 'https://identity.example.com/v3', ${user}: ann, password: pw, region: dallas, ${domain}: 77, ${project}: p}`;
  const { spec, credentials, warnings } = read({
    rest: `training_data: {connection: ${connection}, source: {container: in, type: bluemix_objectstore}}\ntraining_results: {target: {bucket: out}}`,
  });
  expect(spec?.data?.connection).toEqual({
    type: "swift",
    authUrl: "https://identity.example.com/v3",
    region: "dallas",
    domainName: "77",
    projectId: "p",
  });
  expect(credentials?.data).toEqual({ type: "swift", userName: "ann", password: "pw" });
  expect(warnings).toEqual([]);
});

test.each(["암호", "비밀번호", "Passwort"])("the translated key %s is the password, with the right spelling", (key) => {
  const connection = `{auth_url: https://identity.example.com, user_name: ann, ${key}: pw}`;
  const { credentials, warnings } = read({
    rest: `training_data: {connection: ${connection}, source: {bucket: in, type: swift_datastore}}`,
  });
  expect(credentials?.data).toMatchObject({ password: "pw" });
  expect(warnings.find(({ code }) => code === "spelling_translated")?.hint).toBe("Write 'password'.");
});

test.each([
  ["command: python3 a.py --x 1\n      --y 2 &&\n      echo `date`;", "python3 a.py --x 1 --y 2 && echo `date`;"],
  ["command: >\n      cd src; python3 a.py &&\n      ls;", "cd src; python3 a.py && ls;"],
])("the command %j is one line", (execution, command) => {
  expect(read({ execution }).spec?.command).toBe(command);
});

test("JSON in a file named .yaml and YAML in one named .json are both read", () => {
  const json =
    '{"model_definition": {"name": "a", "framework": {"name": "shell", "version": "any"}, "execution": {"command": "ls"}}}';
  expect(readManifest(json, "job.yaml").problems).toEqual([]);
  expect(
    readManifest(
      "model_definition:\n  name: a\n  framework: {name: shell, version: any}\n  execution: {command: ls}",
      "job.json",
    ).problems,
  ).toEqual([]);
});

test("code that was stored with the service is refused with a sentence", () => {
  const text =
    "model_definition:\n  name: a\n  definition_location: https://ibm.example/v2/artifacts/1\n  framework: {name: shell, version: any}\n  execution: {command: ls, resourceType: small}";
  const { problems } = readManifest(text, "job.json");
  expect(problems).toMatchObject([{ code: "feature_unsupported", line: 3 }]);
  expect(problems[0]?.message).toBe(
    "'model_definition.definition_location' names code that was stored with the service of 2017, which is gone.",
  );
});

test.each([
  ["resource: large", 4, null],
  ["compute_configuration: {name: v100x2, nodes: 3}", 2, "v100"],
  ["compute_configuration: {name: K80x4}", 4, "k80"],
  ["devices: 3", 3, null],
  ["resource: small, device_type: nvidia-TeslaV100", 1, "v100"],
  ["device_type: cpu", 1, "cpu"],
  ["devices: 2, compute_configuration: {name: p100x2}, device_type: p100", 2, "p100"],
])("%s asks for %i devices of type %s", (fields, devices, deviceType) => {
  const { spec, problems } = readManifest(
    `model_definition: {name: a, framework: {name: shell, version: any}, execution: {command: ls, ${fields}}}`,
    "job.yaml",
  );
  expect(problems).toEqual([]);
  expect(spec).toMatchObject({ devices, deviceType });
});

test.each([
  ["resource: small, devices: 2", "field_duplicated model_definition.execution.devices"],
  ["compute_configuration: {name: k80}, device_type: cpu", "field_duplicated model_definition.execution.device_type"],
  ["devices: 0", "value_invalid model_definition.execution.devices"],
  ["cpus: many", "value_invalid model_definition.execution.cpus"],
  ["checkpoints: shared", "value_invalid model_definition.execution.checkpoints"],
  ["memory: 8", "value_invalid model_definition.execution.memory"],
])("%s is refused", (fields, expected) => {
  const text = `model_definition: {name: a, framework: {name: shell, version: any}, execution: {command: ls, ${fields}}}`;
  expect(told(readManifest(text, "job.yaml").problems)).toEqual([expected]);
});
