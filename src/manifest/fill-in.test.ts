import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { fillInVariables } from "./fill-in.ts";
import type { Submitter } from "./fill-in.ts";
import { readManifest } from "./read-manifest.ts";

function submitter(
  variables: Readonly<Record<string, string>>,
  profiles: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): Submitter {
  return {
    variable: (name) => (Object.hasOwn(variables, name) ? variables[name] : undefined),
    profile: (name) => (Object.hasOwn(profiles, name) ? profiles[name] : undefined),
  };
}

const COMMAND = "python3 train.py --data ${DATA_DIR} --key ${KEY}";

/** One manifest in the notations that a secret may stand in; `secret` is the value as it is written. */
const NOTATIONS: Readonly<Record<string, string>> = {
  block: `model_definition:
  name: digits
  framework: {name: shell, version: any}
  execution:
    command: ${COMMAND}
training_data_reference:
  connection:
    endpoint_url: https://s3.example.com
    access_key_id: id
    secret_access_key: \${KEY}   # from the vault
  source:
    bucket: images
  type: s3
training_results: {target: {bucket: models}}
`,
  quoted: `model_definition: {name: digits, framework: {name: shell, version: any}, execution: {command: "${COMMAND}"}}
training_data:
- connection:
    secret_access_key: '\${KEY}'
    endpoint_url: https://s3.example.com
    access_key_id: id
  source: {bucket: images, type: s3}
training_results: {target: {bucket: models}}
`,
  "folded block": `model_definition: {name: digits, framework: {name: shell, version: any}, execution: {command: "${COMMAND}"}}
training_data:
  connection:
    secret_access_key: >
      \${KEY}
    endpoint_url: https://s3.example.com
    access_key_id: id
  source: {bucket: images, type: s3}
training_results: {target: {bucket: models}}
`,
  flow: `{model_definition: {name: digits, framework: {name: shell, version: any}, execution: {command: "${COMMAND}"}},
training_data: {connection: {secret_access_key: "\${KEY}", endpoint_url: s3.example.com, access_key_id: id},
source: {bucket: images, type: s3}}, training_results: {target: {bucket: models}}}`,
  json: JSON.stringify({
    model_definition: {
      name: "digits",
      framework: { name: "shell", version: "any" },
      execution: { command: COMMAND },
    },
    training_data: {
      connection: { endpoint_url: "https://s3.example.com", access_key_id: "id", secret_access_key: "${KEY}" },
      source: { bucket: "images", type: "s3" },
    },
    training_results: { target: { bucket: "models" } },
  }),
  ffdl: `name: digits
gpus: 1
data_stores:
- type: mount_cos
  training_data: {container: images}
  connection:
    auth_url: https://s3.example.com
    user_name: id
    password:   \${KEY}
framework:
  name: shell
  version: any
  command: ${COMMAND}
`,
};

const hostile = fc.constantFrom(
  "line\nbreak",
  "a: b",
  "a #b",
  '"',
  "'",
  '"}, training_results: {target: {bucket: stolen}}, x: {y: "',
  "\nmodel_definition: {}",
  "${DATA_DIR}",
  "$&",
  "\\",
  "{}",
  "null",
  "é\u2028🚂",
  "\u007f\u0085\ufeff",
);
const value = fc
  .oneof(hostile, fc.string({ unit: "binary", minLength: 1 }), fc.string({ unit: "grapheme", minLength: 1 }))
  .filter((text) => text.trim() !== "" && !text.includes("\0") && text.isWellFormed());

test.each(Object.keys(NOTATIONS))(
  "in %s notation every value of a variable arrives as it is, and nothing else changes",
  (name) => {
    const text = NOTATIONS[name] as string;
    const expected = readManifest(text.replace(/(?<!--key )\$\{KEY\}/, "k1"), "job.yaml");
    expect(expected.problems).toEqual([]);
    fc.assert(
      fc.property(value, (secret) => {
        const { source, problems } = fillInVariables(text, "job.yaml", submitter({ KEY: secret }));
        expect(problems).toEqual([]);
        const reading = readManifest(source, "job.yaml", { forConversion: true });
        expect(reading.problems).toEqual([]);
        expect(reading.credentials?.data).toMatchObject({ accessKeyId: "id", secretAccessKey: secret });
        expect(reading.spec).toEqual(expected.spec);
        expect((source as string).split("\n")).toHaveLength(text.split("\n").length);
      }),
      { numRuns: 60 },
    );
  },
);

test("an address may hold a variable among other text, a secret may not", () => {
  const text = (NOTATIONS["block"] as string)
    .replace("https://s3.example.com", "https://${HOST}:${PORT}/")
    .replace("access_key_id: id", "access_key_id: a${HOST}");
  const { source } = fillInVariables(text, "job.yaml", submitter({ HOST: "s3.local", PORT: "9000", KEY: "k" }));
  const { spec, credentials } = readManifest(source, "job.yaml");
  expect(spec?.data?.connection).toMatchObject({ endpointUrl: "https://s3.local:9000" });
  expect(credentials?.data).toMatchObject({ accessKeyId: "a${HOST}" });
});

test.each([{}, { KEY: "" }])(
  "a variable that is not set, or empty, is told with its name and place: %j",
  (variables) => {
    const text = NOTATIONS["block"] as string;
    const { source, problems } = fillInVariables(text, "job.yaml", submitter(variables));
    expect(source).toBe(text);
    expect(problems).toMatchObject([{ code: "credential_not_filled_in", line: 10, column: 24 }]);
    expect(problems[0]?.message).toContain("the variable 'KEY', which is not set here");
  },
);

test("a source without variables in connections comes back as the very same bytes", () => {
  const bytes = Buffer.from("model_definition:\r\n  execution: {command: '${HOME}'}\r\n");
  expect(fillInVariables(bytes, "job.yaml", submitter({ HOME: "/root" })).source).toBe(bytes);
  for (const text of ["a: [", "", "- a", "\0", "connection: ${KEY}", "connection: [${KEY}]"]) {
    expect(fillInVariables(text, "job.yaml", submitter({ KEY: "k" }))).toEqual({ source: text, problems: [] });
  }
});

test("UTF-16 of PowerShell is filled in too", () => {
  const bytes = Buffer.from(`\uFEFF${NOTATIONS["block"]}`, "utf16le");
  const { source } = fillInVariables(bytes, "job.yaml", submitter({ KEY: "k" }));
  expect(readManifest(source, "job.yaml").credentials?.data).toMatchObject({ secretAccessKey: "k" });
});

describe("credential profiles", () => {
  const MINIO = {
    type: "s3",
    endpoint_url: "http://127.0.0.1:9000",
    aws_access_key_id: "id",
    aws_secret_access_key: "a: #'\"\n",
  };
  const withConnection = (...lines: string[]): string =>
    [
      "model_definition: {name: a, framework: {name: shell, version: any}, execution: {command: ls}}",
      "training_data_reference:",
      "  connection:",
      ...lines.map((line) => `    ${line}`),
      "  source: {bucket: images}",
      "training_results_reference: {connection: {profile: minio}, target: {bucket: models}, type: s3}",
      "unknown: 1",
    ].join("\n");

  test("a profile's keys take the place of its name, type and all, and lines stay where they are", () => {
    const text = withConnection("# mine", "profile: minio # the one under the desk").replace("\nunknown: 1", "");
    const { source, problems } = fillInVariables(text, "job.yaml", submitter({}, { minio: MINIO }));
    expect(problems).toEqual([]);
    const reading = readManifest(source, "job.yaml");
    expect(reading.problems).toEqual([]);
    const secret = { type: "s3", accessKeyId: "id", secretAccessKey: MINIO.aws_secret_access_key };
    expect(reading.credentials).toEqual({ data: secret, results: secret });
    expect(reading.spec?.data?.connection).toEqual({
      type: "s3",
      endpointUrl: "http://127.0.0.1:9000",
      region: null,
    });
  });

  test("what stands beside the name wins, under whatever spelling, and problems keep their lines", () => {
    const text = withConnection("region: eu", "profile: minio", "access_key_id: ${MINE}", "secret_access_key:");
    const { source } = fillInVariables(text, "job.yaml", submitter({ MINE: "mine" }, { minio: MINIO }));
    expect(readManifest(source, "job.yaml").problems).toMatchObject([{ code: "field_unknown", line: 10 }]);
    const reading = readManifest((source as string).replace("\nunknown: 1", ""), "job.yaml");
    expect(reading.credentials?.data).toMatchObject({
      accessKeyId: "mine",
      secretAccessKey: MINIO.aws_secret_access_key,
    });
    expect(reading.spec?.data?.connection).toMatchObject({ region: "eu" });
  });

  test("a type that differs from the profile's is refused", () => {
    const text = withConnection("profile: minio").replace(
      "{bucket: images}",
      "{bucket: images, type: swift_datastore}",
    );
    const { source } = fillInVariables(text, "job.yaml", submitter({}, { minio: MINIO }));
    expect(readManifest(source, "job.yaml").problems[0]).toMatchObject({ code: "field_duplicated" });
  });

  test("a profile that is not kept here is told with its place", () => {
    const { source, problems } = fillInVariables(withConnection("profile: mino"), "job.yaml", submitter({}));
    expect(source).toBe(withConnection("profile: mino"));
    expect(problems.map(({ line, hint }) => `${line} ${hint.slice(0, 40)}`)).toEqual([
      "4 Add it: trainyard credentials add mino. ",
      "6 Add it: trainyard credentials add minio.",
    ]);
  });
});

describe("where nothing was filled in, as on a server", () => {
  test("a variable is told to be the submitting side's business", () => {
    const { problems } = readManifest(NOTATIONS["block"] as string, "job.yaml");
    expect(problems).toMatchObject([{ code: "credential_not_filled_in", line: 10, column: 24 }]);
    expect(problems[0]?.message).toContain("whoever submits fills it in");
    const inAddress = (NOTATIONS["block"] as string).replace("https://s3.example.com", "https://${HOST}");
    expect(readManifest(inAddress, "job.yaml").problems).toHaveLength(2);
  });

  test("a profile is told to be the submitting side's business, once and without a word on its keys", () => {
    const text = (NOTATIONS["block"] as string).replace(/ {4}endpoint_url[^]*vault\n/, "    profile: minio\n");
    const { problems } = readManifest(text, "job.yaml");
    expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
      "credential_not_filled_in training_data_reference.connection.profile",
    ]);
  });
});
