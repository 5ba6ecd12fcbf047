import { describe, expect, test } from "vitest";

import { readManifest } from "./read-manifest.ts";
import type { ManifestReading } from "./read-manifest.ts";

/** A run that is complete but for the parts a test names; `execution` and `rest` are YAML lines. */
function read(parts: {
  name?: string;
  author?: string;
  framework?: string;
  execution?: string[];
  rest?: string[];
}): ManifestReading {
  const lines = [
    "model_definition:",
    `  name: ${parts.name ?? "digits"}`,
    ...(parts.author === undefined ? [] : [`  author: ${parts.author}`]),
    `  framework: ${parts.framework ?? "{name: pytorch, version: 1.10}"}`,
    "  execution:",
    ...(parts.execution ?? ["command: python3 train.py"]).map((line) => `    ${line}`),
    ...(parts.rest ?? ["training_data: {source: {bucket: images}}", "training_results: {target: {bucket: models}}"]),
  ];
  return readManifest(lines.join("\n"), "job.yaml");
}

const S3 = "endpoint_url: https://s3.example.com, aws_access_key_id: key-id, aws_secret_access_key: hunter2";

function readData(data: string): ManifestReading {
  return read({ rest: [`training_data: ${data}`, "training_results: {target: {bucket: models}}"] });
}

function told(findings: ManifestReading["problems"]): string[] {
  return findings.map(({ code, path }) => `${code} ${path}`);
}

describe("text", () => {
  test.each([
    ["1.10", "1.10"],
    ["'1.10'", "1.10"],
    ["1e5", "1e5"],
    ["012", "012"],
    ["0x1F", "0x1F"],
    ["12:30:45", "12:30:45"],
    ["no", "no"],
    ["2017-11-16", "2017-11-16"],
    ["1.2-py3", "1.2-py3"],
    ["!!str 1.10", "1.10"],
    [".inf", ".inf"],
  ])("a version written %s is the text %s", (written, version) => {
    const { spec, problems } = read({ framework: `{name: pytorch, version: ${written}}` });
    expect(problems).toEqual([]);
    expect(spec?.framework.version).toBe(version);
  });

  test.each([
    ["plain over lines", ["command: python3 train.py", "  --epochs 3"], "python3 train.py --epochs 3"],
    ["folded", ["command: >", "  python3 train.py &&", "  ls"], "python3 train.py && ls"],
    ["literal", ["command: |", "  cd src", "  python3 train.py", ""], "cd src python3 train.py"],
    [
      "literal with backslashes",
      ["command: |", "  python3 train.py \\", "    --epochs 3"],
      "python3 train.py   --epochs 3",
    ],
    ["double quoted", ['command: "echo \\"a b\\"  "'], 'echo "a b"'],
    ["with a colon", ["command: 'echo a: b'"], "echo a: b"],
  ])("a %s command becomes one line", (_, execution, command) => {
    const { spec, problems } = read({ execution });
    expect(problems).toEqual([]);
    expect(spec?.command).toBe(command);
  });

  test.each(["", "~", "null", "''", "'  '"])("a name written %j is missing", (name) => {
    expect(told(read({ name }).problems)).toEqual(["field_missing model_definition.name"]);
  });

  test("a quoted null is text", () => {
    expect(read({ name: "'null'" }).spec?.name).toBe("null");
  });

  test.each([['"a\\nb"'], ['"a\\u001b[31m"'], ['"half \\ud800"'], ["x".repeat(256)], ["[a, b]"], ["{a: b}"]])(
    "the name %s is refused",
    (name) => {
      expect(told(read({ name }).problems)).toEqual(["value_invalid model_definition.name"]);
    },
  );

  test("a JSON surrogate pair is one character", () => {
    expect(read({ name: '"\\ud83d\\ude82"' }).spec?.name).toBe("🚂");
  });
});

describe("sizes", () => {
  test.each([
    ["small", 1],
    ["Medium", 2],
    ["large", 4],
  ])("%s is %i devices, without a word", (size, devices) => {
    const { spec, warnings } = read({ execution: ["command: ls", `resource: ${size}`] });
    expect([spec?.devices, warnings]).toEqual([devices, []]);
  });

  test.each([
    ["Klein", 1, "small"],
    ["mittel", 2, "medium"],
    ["Groß", 4, "large"],
    ["GROSS", 4, "large"],
    ["gro\u1e9e", 4, "large"],
  ])("%s of the translated page is %i devices, with a warning that says %s", (size, devices, right) => {
    const { spec, warnings } = read({ execution: ["command: ls", `resource: ${size}`] });
    expect(spec?.devices).toBe(devices);
    expect(warnings).toMatchObject([{ code: "spelling_translated", hint: `Write '${right}'.`, line: 6, column: 15 }]);
  });

  test("a misspelled size is answered with the right one", () => {
    const { problems } = read({ execution: ["command: ls", "resource: smal"] });
    expect(problems).toMatchObject([{ code: "value_invalid", line: 6, hint: "Did you mean 'small'?" }]);
  });

  test("two sizes that agree are a warning, two that do not are a problem", () => {
    const agree = read({ execution: ["command: ls", "resource: large", "compute_configuration: {name: large}"] });
    expect(told(agree.warnings)).toContain("field_duplicated model_definition.execution.compute_configuration.name");
    const differ = read({ execution: ["command: ls", "resource: small", "compute_configuration: {name: large}"] });
    expect(told(differ.problems)).toEqual(["field_duplicated model_definition.execution.compute_configuration.name"]);
  });

  test("nodes are learners", () => {
    expect(read({ execution: ["command: ls", "compute_configuration: {nodes: 3}"] }).spec?.learners).toBe(3);
    expect(told(read({ execution: ["command: ls", "compute_configuration: {nodes: 2.0}"] }).problems)).toEqual([
      "value_invalid model_definition.execution.compute_configuration.nodes",
    ]);
  });
});

describe("author", () => {
  test.each([
    ["Ann Other", { name: "Ann Other", email: null }],
    ["WML User <wmluser@ibm.com>", { name: "WML User", email: "wmluser@ibm.com" }],
    ["<ann@example.com>", { name: null, email: "ann@example.com" }],
    ["<your name>", { name: "<your name>", email: null }],
    ["{name: Ann, email: ''}", { name: "Ann", email: null }],
    ["{email: ann@example.com}", { name: null, email: "ann@example.com" }],
    ["{}", null],
  ])("%s", (author, expected) => {
    expect(read({ author }).spec?.author).toEqual(expected);
  });

  test("the translated page's Name and E-Mail are understood, with warnings", () => {
    const { spec, warnings } = read({ author: "{Name: Ann, E-Mail: ann@example.com}" });
    expect(spec?.author).toEqual({ name: "Ann", email: "ann@example.com" });
    expect(warnings.map(({ code, hint }) => `${code} ${hint}`)).toEqual([
      "spelling_translated Write 'name'.",
      "spelling_translated Write 'email'.",
    ]);
  });
});

describe("keys", () => {
  test("all problems come at once, in the order of the document, with the nearest key and the place it belongs", () => {
    const { spec, problems } = readManifest(
      [
        "model_definition:",
        "  name: digits",
        "  comand: ls",
        "  command: ls",
        "  framework: {name: pytorch, versoin: 1.10}",
        "  execution: {nodes: 2, gpus: 2}",
        "training_data:",
        "  source: {bucket: images, type: s4}",
      ].join("\n"),
      "job.yaml",
    );
    expect(spec).toBeNull();
    expect(problems.map(({ line, column, code, path, hint }) => `${line}:${column} ${code} ${path}: ${hint}`)).toEqual([
      "3:3 field_unknown model_definition.comand: Its fields are name, description, author, framework, execution, definition_location.",
      "4:3 field_unknown model_definition.command: 'command' belongs in 'model_definition.execution'.",
      "5:3 field_missing model_definition.framework.version: Add 'version': the version as text, such as 1.10 or 1.2-py3; `any` where every version will do.",
      "5:30 field_unknown model_definition.framework.versoin: Did you mean 'version'?",
      "6:3 field_missing model_definition.execution.command: Add 'command': the command line, run by bash in the folder of the model definition.",
      "6:15 field_unknown model_definition.execution.nodes: 'nodes' belongs in 'model_definition.execution.compute_configuration'.",
      "6:25 feature_unsupported model_definition.execution.gpus: Write 'devices' with the number, or 'device_type: cpu' for none.",
      "8:34 value_invalid training_data.source.type: Did you mean 's3'?",
    ]);
  });

  test("a key that is given twice is told with both lines", () => {
    const { problems } = read({ execution: ["command: ls", "resource: small", "command: pwd"] });
    expect(problems).toMatchObject([
      {
        code: "field_duplicated",
        line: 7,
        column: 5,
        message: "'model_definition.execution.command' is given here and on line 5.",
      },
    ]);
  });

  test("a field under two spellings is a warning where both agree and a problem where they do not", () => {
    const agree = readData(`{type: s3, source: {bucket: a, container: a}, connection: {${S3}}}`);
    expect([told(agree.problems), told(agree.warnings)]).toEqual([
      [],
      ["field_duplicated training_data.source.container"],
    ]);
    const differ = readData(`{type: s3, source: {bucket: a, container: b}, connection: {${S3}}}`);
    expect(told(differ.problems)).toEqual(["field_duplicated training_data.source.container"]);
    const lists = read({
      rest: ["training_data: {source: {bucket: a}}", "training_data_reference: {source: {bucket: a}}"],
    });
    expect(told(lists.problems)).toEqual(["field_duplicated training_data_reference"]);
  });

  test("a misspelled model_definition is told as a key, not as another kind of document", () => {
    const { problems } = readManifest("model_defintion: {}\ntraining_data: {source: {bucket: a}}", "job.yaml");
    expect(problems.map(({ code, hint }) => `${code} ${hint}`)).toContain(
      "field_unknown Did you mean 'model_definition'?",
    );
  });

  test.each(["model_definition: text", "model_definition: [a]"])("%s is told in one sentence", (text) => {
    expect(told(readManifest(text, "job.yaml").problems)).toEqual(["value_invalid model_definition"]);
  });
});

describe("references", () => {
  test("a list of exactly one bucket and a map say the same", () => {
    const map = readData("{source: {bucket: images}}");
    expect(map.problems).toEqual([]);
    expect(readData("[{source: {bucket: images}}]")).toEqual(map);
  });

  test.each(["[]", "[{source: {bucket: a}}, {source: {bucket: b}}]"])("the list %s is refused", (list) => {
    expect(told(readData(list).problems)).toEqual(["value_invalid training_data"]);
  });

  test("without connection and type a bucket is in the embedded store", () => {
    const { spec, credentials } = readData("{source: {bucket: images}}");
    expect(spec?.data).toEqual({ bucket: "images", name: null, connection: { type: "directory", root: null } });
    expect(credentials?.data).toBeNull();
  });

  test("a connection that is only a root means the directory store", () => {
    const { spec } = readData("{source: {bucket: images}, connection: {root: /srv/buckets}}");
    expect(spec?.data?.connection).toEqual({ type: "directory", root: "/srv/buckets" });
  });

  test.each(["srv/buckets", "/srv/../etc", "./"])("the root %s is refused", (root) => {
    const { problems } = readData(`{type: directory, source: {bucket: images}, connection: {root: ${root}}}`);
    expect(told(problems)).toEqual(["value_invalid training_data.connection.root"]);
  });

  test.each(["s3", "s3_datastore"])("the type %s beside or inside the source is S3", (type) => {
    const inner = readData(`{source: {bucket: images, type: ${type}}, connection: {${S3}}}`);
    expect(inner.problems).toEqual([]);
    expect(inner.spec?.data?.connection.type).toBe("s3");
    expect(readData(`{type: ${type}, source: {bucket: images}, connection: {${S3}}}`).spec).toEqual(inner.spec);
  });

  test.each(["bluemix_objectstore", "swift_datastore", "softlayer_objectstore"])(
    "the type %s takes the names of Bluemix's service credentials, all of them",
    (type) => {
      const connection =
        "auth_url: https://identity.example.com, project: p, projectId: 1e5, region: dallas, userId: ab12, " +
        "username: ann, password: 0123, domainId: d, domainName: 77, role: admin";
      const { spec, credentials, problems, warnings } = readData(
        `{source: {bucket: images, type: ${type}}, connection: {${connection}}}`,
      );
      expect(problems).toEqual([]);
      expect(spec?.data?.connection).toMatchObject({ type: "swift", projectId: "1e5", domainName: "77" });
      expect(credentials?.data).toEqual({ type: "swift", userName: "ann", password: "0123" });
      expect(new Set(warnings.map(({ code }) => code))).toEqual(new Set(["field_ignored"]));
    },
  );

  test("two types that differ are refused, and so is a connection without any", () => {
    const differ = readData(`{type: s3, source: {bucket: a, type: swift_datastore}, connection: {${S3}}}`);
    expect(told(differ.problems)).toEqual(["field_duplicated training_data.source.type"]);
    expect(told(readData(`{source: {bucket: a}, connection: {${S3}}}`).problems)).toEqual([
      "field_missing training_data.type",
    ]);
  });

  test("a store that needs a connection says which keys it has", () => {
    const { problems } = readData("{source: {bucket: a, type: s3}}");
    expect(problems).toMatchObject([
      {
        code: "field_missing",
        path: "training_data.connection",
        hint: "Add 'connection' with endpoint_url, aws_access_key_id, aws_secret_access_key.",
      },
    ]);
  });

  test.each([".hidden", "a/b", "..", "a b", "groß", "x".repeat(256), '"a\\tb"'])(
    "the bucket %s cannot be a folder of the directory store",
    (bucket) => {
      expect(told(readData(`{source: {bucket: ${bucket}}}`).problems)).toEqual([
        "value_invalid training_data.source.bucket",
      ]);
    },
  );

  test.each(["a/b", "..", ".", '"a\\u0000b"'])("the bucket %s is refused in S3 too", (bucket) => {
    const { problems } = readData(`{type: s3, source: {bucket: ${bucket}}, connection: {${S3}}}`);
    expect(told(problems)).toEqual(["value_invalid training_data.source.bucket"]);
  });

  test("a bucket with blanks is left to the S3 server to judge", () => {
    expect(readData(`{type: s3, source: {bucket: my images}, connection: {${S3}}}`).spec?.data?.bucket).toBe(
      "my images",
    );
  });

  test("a bucket that is a template's placeholder is not filled in", () => {
    const { problems } = readData(`{type: s3, source: {bucket: <your bucket>}, connection: {${S3}}}`);
    expect(told(problems)).toEqual(["value_not_filled_in training_data.source.bucket"]);
  });

  test("no training data is a warning, unless nothing but a shell is asked for", () => {
    const results = ["training_results: {target: {bucket: models}}"];
    expect(told(read({ rest: results }).warnings)).toEqual(["data_absent training_data_reference"]);
    expect(read({ rest: results, framework: "{name: shell, version: any}" }).warnings).toEqual([]);
  });
});

describe("credentials", () => {
  test.each([
    "<password>",
    "'< YOUR SAVED ACCESS KEY >'",
    "",
    "''",
    "xxx",
    "'***'",
    "YOUR_SECRET_ACCESS_KEY",
    "your-api-key",
    "'${AWS_SECRET}'",
    "'{{ secret }}'",
  ])("%j is not filled in", (value) => {
    const connection = `endpoint_url: https://s3.example.com, access_key_id: id, secret_access_key: ${value}`;
    const { problems } = readData(`{type: s3, source: {bucket: a}, connection: {${connection}}}`);
    expect(told(problems)).toEqual(["credential_not_filled_in training_data.connection.secret_access_key"]);
  });

  test.each([
    "hunter2",
    "0123",
    "1e5",
    "no",
    "2017-11-16",
    "'<<'",
    "x",
    "'$ecret'",
    '"multi\\nline"',
    "'null'",
    "your_x",
  ])("%s is a password like any other", (value) => {
    const connection = `endpoint_url: https://s3.example.com, access_key_id: id, secret_access_key: ${value}`;
    const { credentials, problems } = readData(`{type: s3, source: {bucket: a}, connection: {${connection}}}`);
    expect(problems).toEqual([]);
    const text = value.replace(/^(['"])(.*)\1$/, "$2").replace("\\n", "\n");
    expect(credentials?.data).toMatchObject({ secretAccessKey: text });
  });

  test.each([
    `{type: s3, source: {bucket: a}, connection: {${S3}, hunter2: hunter2}}`.replace("hunter2: hunter2", "x: hunter2"),
    `{type: s3, source: {bucket: a}, connection: {endpoint_url: hunter2://x, access_key_id: [hunter2], password: {a: hunter2}}}`,
    `{type: s3, source: {bucket: a}, connection: {endpoint_url: 'https://u:hunter2@s3.example.com', secret_access_key:hunter2}}`,
    `{type: s3, source: {bucket: a}, connection: {endpoint_url: 'hunter2 hunter2', secret_access_key=hunter2}}`,
    `{type: s3, source: {bucket: a}, connection: hunter2}`,
    `{type: s3, source: {bucket: a}, connection: [hunter2, hunter2]}`,
    `{type: s3, source: {bucket: a}, connection: {password: "hunter2\\q", access_key_id: 'hunter2}}`,
    `{type: s3, source: {bucket: a}, connection: {password: !hunter2 x}}`,
    `{type: s3, source: {bucket: a}, connection: {password: *hunter2}}`,
    `{type: directory, source: {bucket: a}, connection: {root: hunter2, password: hunter2}}`,
    `{type: swift_datastore, source: {bucket: a}, connection: {password: hunter2, region: "hunter2\\0", user_name: "hunter2\\0"}}`,
  ])("no message repeats a value of %s", (data) => {
    const { problems, warnings } = readData(data);
    expect(problems).not.toEqual([]);
    expect(JSON.stringify([problems, warnings])).not.toContain("hunter2");
  });
});

describe("other documents", () => {
  test.each([
    ["settings: {name: a}\ntraining_references: []\ntraining_results_reference: {}", "an experiment"],
    ["name: a\nframework: {name: tensorflow, version: 1}\ntraining_data_reference: []", "a training definition"],
    ["applications:\n- name: web", "a Cloud Foundry application manifest"],
    ["hyper_parameters_optimization: {}", "the search part of an experiment"],
    ["- a\n- b", "a list"],
    ["just text", "one value"],
    ["", "empty"],
    ["# only a comment\n", "empty"],
    ["---\n...\n", "empty"],
    ["{}", "a map without 'model_definition'"],
    ["services: {web: {image: nginx}}", "a map without 'model_definition'"],
  ])("%j is told to be %s", (text, is) => {
    const { spec, problems } = readManifest(text, "job.yaml");
    expect(spec).toBeNull();
    expect(problems).toMatchObject([{ code: "manifest_kind", line: 1, column: 1 }]);
    expect(problems[0]?.message).toBe(`This is not the manifest of a training run: it is ${is}.`);
  });
});
