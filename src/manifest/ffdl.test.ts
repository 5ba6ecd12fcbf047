import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { readManifest } from "./read-manifest.ts";
import type { ManifestReading } from "./read-manifest.ts";
import { NO_WISHES } from "../domain/training-spec.ts";

const S3 = "connection: {auth_url: s3.example.com, user_name: key-id, password: hunter2}";
const STORE = `- {id: minio, type: mount_cos, training_data: {container: in}, training_results: {container: out}, ${S3}}`;

/** An FfDL manifest that is complete but for the parts a test names, as YAML lines. */
function read(parts: { top?: string[]; stores?: string[]; framework?: string } = {}): ManifestReading {
  const lines = [
    "name: digits",
    ...(parts.top ?? ["gpus: 1"]),
    "data_stores:",
    ...(parts.stores ?? [STORE]),
    `framework: ${parts.framework ?? "{name: pytorch, version: latest, command: python train.py}"}`,
  ];
  return readManifest(lines.join("\n"), "manifest.yml");
}

function told(findings: ManifestReading["problems"]): string[] {
  return findings.map(({ code, path }) => `${code} ${path}`);
}

test("a complete manifest gives its training spec, its secrets apart, without a word", () => {
  const connection = { type: "s3", endpointUrl: "https://s3.example.com", region: null };
  const secret = { type: "s3", accessKeyId: "key-id", secretAccessKey: "hunter2" };
  const fixture = new URL("../../test/fixtures/manifests/ffdl.yml", import.meta.url);
  expect(readManifest(readFileSync(fixture), "ffdl.yml")).toEqual({
    spec: {
      name: "spring digits",
      description: "Digits, by FfDL",
      author: null,
      framework: { name: "tensorflow", version: "1.10-py3", python: null, requirements: null },
      command: "python3 train.py --data ${DATA_DIR} --steps 2000",
      devices: 2,
      learners: 3,
      cpus: 0.5,
      memoryBytes: 1.5 * 1024 ** 3,
      deviceType: null,
      checkpoints: "run",
      ...NO_WISHES,
      data: { bucket: "tf_training_data", name: "object-store", connection },
      results: { bucket: "tf_trained_model", name: "object-store", connection },
      evaluationMetrics: {
        type: "regex_extractor",
        in: null,
        lineLookahead: 2,
        eventTypes: null,
        groups: [
          {
            label: "train",
            regex: "Iter (?P<iteration>%{INT}), accuracy (?P<accuracy>%{FLOAT})",
            meta: { time: "$timestamp" },
            scalars: [{ key: "accuracy", type: "FLOAT", value: "$accuracy" }],
            etimes: [{ key: "iteration", type: "INT", value: "$iteration" }],
          },
        ],
      },
    },
    credentials: { data: secret, results: secret },
    problems: [],
    warnings: [],
  });
});

describe("resources", () => {
  test.each([
    [["gpus: 2"], { devices: 2, deviceType: null }, []],
    [["gpus: 0"], { devices: 1, deviceType: "cpu" }, []],
    [["gpus: 0.0"], { devices: 1, deviceType: "cpu" }, []],
    [[], { devices: 1, deviceType: "cpu" }, []],
    [["gpus: 0", "gpu_type: nvidia-TeslaP100"], { devices: 1, deviceType: "cpu" }, []],
    [["gpus: 0.5"], { devices: 1, deviceType: null }, ["value_adjusted gpus"]],
    [["gpus: 1.5"], { devices: 2, deviceType: null }, ["value_adjusted gpus"]],
    [["gpus: 2", "gpu_type: nvidia-TeslaP100"], { deviceType: "p100" }, ["device_type_ignored gpu_type"]],
    [["gpus: 1", "gpu_type: nvidia-H200"], { deviceType: "nvidia-H200" }, ["device_type_ignored gpu_type"]],
    [["gpus: 1", "learners: 4"], { devices: 1, learners: 4 }, []],
  ])("%j", (top, expected, warnings) => {
    const { spec, problems, warnings: found } = read({ top });
    expect(problems).toEqual([]);
    expect(spec).toMatchObject(expected);
    expect(told(found)).toEqual(warnings);
  });

  test.each([
    ["gpus: -1", "gpus"],
    ["gpus: two", "gpus"],
    ["gpus: 1e3", "gpus"],
    ["gpus: 1001", "gpus"],
    ["cpus: 0", "cpus"],
    ["cpus: 500m", "cpus"],
    ["learners: 0", "learners"],
    ["learners: 1.0", "learners"],
    ["gpus: 1\ngpu_type: cpu", "gpu_type"],
    ["memory: 512", "memory"],
  ])("%s is refused", (line, path) => {
    expect(told(read({ top: [line] }).problems)).toEqual([`value_invalid ${path}`]);
  });
});

describe("data stores", () => {
  test.each(["mount_cos", "s3_datastore"])("%s is S3", (type) => {
    const { spec, problems } = read({ stores: [STORE.replace("mount_cos", type)] });
    expect(problems).toEqual([]);
    expect(spec?.data?.connection).toEqual({ type: "s3", endpointUrl: "https://s3.example.com", region: null });
  });

  test.each(["swift_datastore", "softlayer_objectstore", "bluemix_objectstore"])("%s is Swift", (type) => {
    const connection = "connection: {auth_url: 'https://dal05.example.com/auth/v1.0/', user_name: ann, password: pw}";
    const { spec, credentials } = read({
      stores: [`- {type: ${type}, training_data: {container: a.b:25}, ${connection}}`],
    });
    expect(spec?.data).toMatchObject({
      bucket: "a.b:25",
      connection: { type: "swift", authUrl: "https://dal05.example.com/auth/v1.0" },
    });
    expect(credentials?.data).toEqual({ type: "swift", userName: "ann", password: "pw" });
  });

  test("a mounted volume is a folder with buckets in it", () => {
    const connection = "connection: {type: host_mount, name: host-mount, path: /cosdata}";
    const { spec, problems, warnings } = read({
      stores: [
        `- {type: mount_volume, training_data: {container: in}, training_results: {container: out}, ${connection}}`,
      ],
    });
    expect([problems, warnings]).toEqual([[], []]);
    expect(spec?.data).toEqual({ bucket: "in", name: null, connection: { type: "directory", root: "/cosdata" } });
  });

  test.each([
    ["", "field_missing data_stores[0].connection.path"],
    ["connection: {type: host_mount, name: x}", "field_missing data_stores[0].connection.path"],
    ["connection: {type: nfs, path: /a}", "value_invalid data_stores[0].connection.type"],
    ["connection: {type: host_mount, path: cosdata}", "value_invalid data_stores[0].connection.path"],
    ["connection: {type: host_mount, path: /a/../etc}", "value_invalid data_stores[0].connection.path"],
  ])("a mounted volume with %j is refused", (connection, expected) => {
    const parts = ["type: mount_volume", "training_data: {container: in}", connection].filter((part) => part !== "");
    expect(told(read({ stores: [`- {${parts.join(", ")}}`] }).problems)).toEqual([expected]);
  });

  test("the type may stand in the connection too, where it agrees", () => {
    const agree = STORE.replace("connection: {", "connection: {type: s3_datastore, ");
    expect(read({ stores: [agree] })).toMatchObject({ problems: [], warnings: [] });
    const differ = STORE.replace("connection: {", "connection: {type: swift_datastore, ");
    expect(told(read({ stores: [differ] }).problems)).toEqual(["field_duplicated data_stores[0].connection.type"]);
  });

  test("data may come from one store and results go to another", () => {
    const { spec, credentials, problems } = read({
      stores: [
        `- {id: a, type: s3_datastore, training_data: {container: in}, ${S3}}`,
        "- {id: b, type: directory, training_results: {container: out}}",
      ],
    });
    expect(problems).toEqual([]);
    expect([spec?.data?.name, spec?.results]).toEqual([
      "a",
      { bucket: "out", name: "b", connection: { type: "directory", root: null } },
    ]);
    expect(credentials?.results).toBeNull();
  });

  test("a second store for the same is refused by its place", () => {
    const { problems } = read({ stores: [STORE, STORE] });
    expect(problems.map(({ code, path, line }) => `${code} ${path} ${line}`)).toEqual([
      "feature_unsupported data_stores[1].training_data 5",
      "feature_unsupported data_stores[1].training_results 5",
    ]);
  });

  test("without a bucket for the results they stay in the embedded store, with a warning", () => {
    const { spec, warnings } = read({ stores: [`- {type: mount_cos, training_data: {container: in}, ${S3}}`] });
    expect(spec?.results).toEqual({
      bucket: "trained-models",
      name: null,
      connection: { type: "directory", root: null },
    });
    expect(told(warnings)).toEqual(["results_embedded data_stores"]);
  });

  test("no store at all is told twice as a warning", () => {
    const { spec, warnings } = readManifest(
      "{name: a, data_stores: [], framework: {name: pytorch, version: latest, command: ls}}",
      "manifest.json",
    );
    expect(spec?.data).toBeNull();
    expect(told(warnings)).toEqual(["data_absent data_stores", "results_embedded data_stores"]);
  });

  test.each([
    ["text", "value_invalid data_stores"],
    ["{a: b}", "value_invalid data_stores"],
    ["[a]", "value_invalid data_stores[0]"],
    ["[{}]", "field_missing data_stores[0].type"],
    ["[{type: s4}]", "value_invalid data_stores[0].type"],
    ["[{type: host_mount}]", "value_invalid data_stores[0].type"],
    ["[{type: mount_cos}]", "field_missing data_stores[0].connection"],
    ["[{type: directory, training_data: {}}]", "field_missing data_stores[0].training_data.container"],
    ["[{type: directory, training_data: in}]", "value_invalid data_stores[0].training_data"],
    ["[{type: directory, training_data: {container: ../in}}]", "value_invalid data_stores[0].training_data.container"],
  ])("data_stores: %s is refused", (stores, expected) => {
    const text = `name: a\ndata_stores: ${stores}\nframework: {name: pytorch, version: latest, command: ls}`;
    expect(told(readManifest(text, "manifest.yml").problems)).toEqual([expected]);
  });
});

describe("keys", () => {
  test("what FfDL would have ignored is a warning with the key that was meant", () => {
    const { spec, warnings } = read({ top: ["gpu: 1", "namespace: default"], framework: FRAMEWORK_WITH_TAG });
    expect(spec?.deviceType).toBe("cpu");
    expect(warnings.map(({ code, path, hint }) => `${code} ${path}: ${hint.slice(0, 22)}`)).toEqual([
      "field_unknown gpu: Did you mean 'gpus'?",
      "field_unknown namespace: Its fields are name, d",
      "field_ignored framework.image_tag: Remove it, or leave it",
    ]);
  });

  test("the required ones are told when they are missing", () => {
    expect(told(readManifest("data_stores: []\nframework: {}", "manifest.yml").problems)).toEqual([
      "field_missing name",
      "field_missing framework.name",
      "field_missing framework.version",
      "field_missing framework.command",
    ]);
    expect(told(readManifest("data_stores: []\nname: a", "manifest.yml").problems)).toEqual([
      "field_missing framework",
    ]);
  });

  test("a misspelled data_stores is told as a key", () => {
    const { warnings, problems } = readManifest("name: a\ndata_store: []\ngpus: 1", "manifest.yml");
    expect(told(problems)).toEqual(["field_missing data_stores", "field_missing framework"]);
    expect(warnings).toMatchObject([{ code: "field_unknown", line: 2, hint: "Did you mean 'data_stores'?" }]);
  });
});

const FRAMEWORK_WITH_TAG = "{name: pytorch, version: latest, image_tag: '1', command: ls}";

describe("evaluation metrics", () => {
  const withMetrics = (text: string): ManifestReading => read({ top: ["gpus: 1", `evaluation_metrics: ${text}`] });

  test.each(["null", "~", "{type: none}", "{type: null}", "{type: 'null'}", "{type: NIL, in: a}", "{}"])(
    "%s asks for nothing",
    (text) => {
      const { spec, problems } = withMetrics(text);
      expect(problems).toEqual([]);
      expect(spec?.evaluationMetrics).toBeNull();
    },
  );

  test("FfDL's older word for the metrics of a group is understood, and case does not matter", () => {
    const { spec } = withMetrics(
      "{type: tensorboard, event_types: [scalars], groups: {a: {values: {b: {type: float, value: 1}}}}}",
    );
    expect(spec?.evaluationMetrics).toMatchObject({
      eventTypes: ["scalars"],
      groups: [{ label: "a", regex: null, meta: {}, scalars: [{ key: "b", type: "FLOAT", value: "1" }], etimes: [] }],
    });
  });

  test.each([
    ["text", "value_invalid evaluation_metrics"],
    ["{type: tensorbord}", "value_invalid evaluation_metrics.type"],
    ["{type: file, line_lookahead: 0}", "value_invalid evaluation_metrics.line_lookahead"],
    ["{type: file, eventTypes: scalars}", "value_invalid evaluation_metrics.eventTypes"],
    ["{type: file, groups: [a]}", "value_invalid evaluation_metrics.groups"],
    ["{type: file, groups: {a: b}}", "value_invalid evaluation_metrics.groups.a"],
    ["{type: file, groups: {a: {regex: [b]}}}", "value_invalid evaluation_metrics.groups.a.regex"],
    ["{type: file, groups: {a: {meta: b}}}", "value_invalid evaluation_metrics.groups.a.meta"],
    ["{type: file, groups: {a: {scalars: {b: 1}}}}", "value_invalid evaluation_metrics.groups.a.scalars.b"],
    [
      "{type: file, groups: {a: {etimes: {b: {type: FLOATS, value: 1}}}}}",
      "value_invalid evaluation_metrics.groups.a.etimes.b.type",
    ],
    [
      "{type: file, groups: {a: {etimes: {b: {type: INT}}}}}",
      "field_missing evaluation_metrics.groups.a.etimes.b.value",
    ],
  ])("%s is refused", (text, expected) => {
    expect(told(withMetrics(text).problems)).toEqual([expected]);
  });
});
