import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  NO_WISHES,
  type BucketReference,
  type ConnectionCredentials,
  type Credentials,
  type EvaluationMetrics,
  type TrainingSpec,
} from "../domain/training-spec.ts";
import { PRINTED_DIALECTS } from "./conversion.ts";
import { COLLECTORS } from "./evaluation-metrics.ts";
import { isPlaceholder } from "./placeholder.ts";
import { printManifest } from "./print-manifest.ts";
import { PROBLEM_CODES } from "./problem.ts";
import { readManifest } from "./read-manifest.ts";
import { CONNECTION_TABLES } from "./connection-fields.ts";
import { spellingsOf } from "./field-table.ts";
import { listKnownFields } from "./known-fields.ts";

// Every reading keeps these promises, whatever was read.
function expectSoundReading(source: Uint8Array | string): void {
  const { spec, credentials, problems, warnings } = readManifest(source, "job.yaml");
  const text = typeof source === "string" ? source : new TextDecoder().decode(source);
  expect(spec === null).toBe(problems.length > 0);
  expect(credentials === null).toBe(spec === null);
  for (const { code, message, hint, line, column } of [...problems, ...warnings]) {
    expect(PROBLEM_CODES).toHaveProperty(code);
    expect(message).toMatch(/^.+[.]$/s);
    expect(hint).toMatch(/^.+[.?]$/s);
    expect(line ?? 1).toBeLessThanOrEqual(text.split(/\r\n?|\n/).length);
    expect(column ?? 1).toBeGreaterThanOrEqual(1);
  }
}

test("every array of bytes gives a reading", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), expectSoundReading), { numRuns: 200 });
});

test("every text gives a reading, also when it is made of YAML's own signs", () => {
  const punctuation = [":", ": ", "-", "- ", "? ", "[", "]", "{", "}", ",", "|", ">", "+", "'", '"', "\\", "#", " #"];
  const others = ["a", "é", "&a", "*a", "!", "!!str ", "%", "---\n", "...\n", "<<", "~", "@", "`"];
  const blanks = ["\n", "\n  ", " ", "\t", "\r\n"];
  const signs = fc.constantFrom(...punctuation, ...others, ...blanks);
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), expectSoundReading), { numRuns: 200 });
  fc.assert(
    fc.property(fc.array(signs, { maxLength: 60 }), (parts) => expectSoundReading(parts.join(""))),
    {
      numRuns: 1000,
    },
  );
});

test("every value in every field gives a reading", () => {
  const keys = [
    ...new Set([
      ...listKnownFields().flatMap(({ path, aliases }) => [path.slice(path.lastIndexOf(".") + 1), ...aliases]),
      ...Object.values(CONNECTION_TABLES).flatMap(spellingsOf),
    ]),
  ];
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("s3", "swift_datastore", "directory", "small", "groß", "<x>", "", "a", "https://a", "0"),
      fc.string(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom(...keys, "unknown"), tie("tree"), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(tree, tree, (model, data) => {
      expectSoundReading(JSON.stringify({ model_definition: model, training_data: data, evaluation_metrics: data }));
      expectSoundReading(JSON.stringify({ data_stores: [data], framework: model, evaluation_metrics: model }));
    }),
    { numRuns: 200 },
  );
});

// Text of the kinds that trip YAML readers, beside any other.
const anyText = (maxLength: number) =>
  fc
    .oneof(
      fc.constantFrom(
        "1.10",
        "no",
        "~",
        "null",
        "0123",
        "1e5",
        "a: b",
        "a #b",
        "- a",
        "*a",
        "&a",
        "!a",
        "%a",
        "'",
        '"',
      ),
      fc.constantFrom("2017-11-16", "12:30", "{a}", "[a]", "|", ">", "<<", "=", " a", "a ", "\\", "\\\\", "🚂", "---"),
      fc.string({ unit: "grapheme", minLength: 1, maxLength }),
    )
    .filter((text) => text.trim() !== "" && text.length <= maxLength && !/[\p{Cc}\u2028\u2029]/u.test(text));

const filledIn = (maxLength: number) => anyText(maxLength).filter((text) => !isPlaceholder(text));
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const endpoint = fc
  .tuple(fc.constantFrom("http", "https"), fc.domain(), fc.constantFrom("", ":9000", "/auth/v1.0"))
  .map(([scheme, host, rest]) => `${scheme}://${host}${rest}`);
const bucket = filledIn(60).filter((text) => !text.includes("/") && text !== "." && text !== "..");
const secret = fc.oneof(
  filledIn(80),
  fc.constantFrom("line\nbreak", "\ttab", "-----BEGIN KEY-----\nabc\n-----END KEY-----\n", "pässwörd"),
);

interface Reference {
  readonly reference: BucketReference;
  readonly credentials: ConnectionCredentials | null;
}

const directory: fc.Arbitrary<Reference> = fc.record({
  reference: fc.record({
    bucket: fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,60}$/).filter((name) => !isPlaceholder(name)),
    name: orNull(anyText(80)),
    connection: fc.record({ type: fc.constant("directory" as const), root: orNull(fc.constantFrom("/", "/srv/b c")) }),
  }),
  credentials: fc.constant(null),
});
const s3: fc.Arbitrary<Reference> = fc.record({
  reference: fc.record({
    bucket,
    name: orNull(anyText(80)),
    connection: fc.record({ type: fc.constant("s3" as const), endpointUrl: endpoint, region: orNull(filledIn(30)) }),
  }),
  credentials: fc.record({ type: fc.constant("s3" as const), accessKeyId: filledIn(80), secretAccessKey: secret }),
});
const swift: fc.Arbitrary<Reference> = fc.record({
  reference: fc.record({
    bucket,
    name: orNull(anyText(80)),
    connection: fc.record({
      type: fc.constant("swift" as const),
      authUrl: endpoint,
      region: orNull(filledIn(30)),
      domainName: orNull(filledIn(30)),
      projectId: orNull(filledIn(30)),
    }),
  }),
  credentials: fc.record({ type: fc.constant("swift" as const), userName: filledIn(80), password: secret }),
});
const reference = fc.oneof(directory, s3, swift);
const author = fc
  .record({ name: orNull(anyText(80)), email: orNull(anyText(80)) })
  .filter(({ name, email }) => name !== null || email !== null);

// Keys that users make up; `__proto__` is one like any other.
const key = fc.oneof(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.]{0,20}$/), fc.constantFrom("__proto__", "no", "1.10"));
const metricFields = fc
  .uniqueArray(
    fc.record({
      key,
      type: fc.constantFrom("FLOAT" as const, "INT" as const, "STRING" as const, "JSONSTRING" as const),
      value: anyText(40),
    }),
    { selector: (field) => field.key, maxLength: 3 },
  )
  .filter((fields) => fields.every((field) => field.value.trim() !== ""));
const metrics: fc.Arbitrary<EvaluationMetrics> = fc.record({
  type: fc.constantFrom(...COLLECTORS),
  in: orNull(anyText(80)),
  lineLookahead: orNull(fc.integer({ min: 1, max: 1000 })),
  eventTypes: orNull(fc.array(anyText(20), { maxLength: 3 })),
  groups: fc.uniqueArray(
    fc.record({
      label: key,
      regex: orNull(anyText(80)),
      meta: fc.array(fc.tuple(key, fc.oneof(anyText(40), fc.constant("")))).map((pairs) => Object.fromEntries(pairs)),
      scalars: metricFields,
      etimes: metricFields,
    }),
    { selector: ({ label }) => label, maxLength: 2 },
  ),
});

const framework = fc
  .record({
    name: filledIn(100),
    version: fc.oneof(filledIn(90), fc.constantFrom("1.5", "latest", "1.2-py3", "1.5-py3-horovod")),
    python: orNull(fc.constantFrom("3", "3.5", "3.12.1", "2.7")),
    requirements: orNull(fc.constantFrom("requirements.txt", "env/pip a.txt", "...")),
  })
  .filter(({ version, python }) => !/-py[23]/i.test(version) || python === null || python.startsWith("3"));

const globs = fc.array(fc.oneof(anyText(60), fc.constantFrom("**/*.{jpg,png}", "!a", "[a-z]*", "*")), { maxLength: 3 });
const selection = fc.record({
  // Whatever a key may be: `..` and a slash at the beginning are nothing special in a bucket.
  prefix: fc.oneof(fc.constantFrom("", "/", "../", "train/2018/", " a"), anyText(60)),
  include: globs,
  exclude: globs,
});

const manifest = fc
  .record({
    name: anyText(255),
    description: orNull(fc.oneof(anyText(200), fc.constantFrom("two\nlines", "a line end\n", " \n x"))),
    author: orNull(author),
    framework,
    command: anyText(300).map((text) => text.trimEnd()),
    devices: fc.oneof(fc.constantFrom(1, 2, 4), fc.integer({ min: 1, max: 1000 })),
    learners: fc.integer({ min: 1, max: 1000 }),
    cpus: orNull(fc.integer({ min: 1, max: 10_000_000 }).map((count) => count / 1000)),
    memoryBytes: orNull(
      fc.oneof(
        fc.integer({ min: 1 }),
        fc.integer({ min: 1, max: 9999 }).map((count) => count * 1e9),
      ),
    ),
    deviceType: orNull(fc.oneof(fc.constantFrom("cpu", "k80", "p100", "v100"), fc.constant("nvidia-h200"))),
    checkpoints: fc.constantFrom("run", "bucket"),
    evaluationMetrics: orNull(metrics),
    timeLimitMs: orNull(fc.integer({ min: 1, max: 365 * 86_400 }).map((seconds) => seconds * 1000)),
    retries: fc.integer({ min: 0, max: 10 }),
    resultsSyncMs: orNull(fc.integer({ min: 10, max: 86_400 }).map((seconds) => seconds * 1000)),
    selection,
    data: orNull(reference),
    results: reference,
    isSameStore: fc.boolean(),
  })
  .map(
    ({ data, selection: wanted, results, isSameStore, ...model }): { spec: TrainingSpec; credentials: Credentials } => {
      const to = isSameStore && data !== null ? data : results;
      // Cloned, because fast-check makes some objects without a prototype, and no reader does.
      return structuredClone({
        spec: {
          ...model,
          data: data?.reference ?? null,
          selection: data === null ? NO_WISHES.selection : wanted,
          results: to.reference,
        },
        credentials: { data: data?.credentials ?? null, results: to.credentials },
      });
    },
  );

/** The value at a path such as `framework.python`. */
function valueAt(spec: TrainingSpec, path: string): unknown {
  return path.split(".").reduce<unknown>((value, part) => (value as Record<string, unknown> | null)?.[part], spec);
}

/** The spec with the values of another at these paths. */
function withValues(spec: TrainingSpec, other: TrainingSpec, paths: readonly string[]): TrainingSpec {
  const copy = structuredClone(spec);
  for (const path of paths) {
    const parent = path.includes(".") ? valueAt(copy, path.slice(0, path.lastIndexOf("."))) : copy;
    (parent as Record<string, unknown>)[path.slice(path.lastIndexOf(".") + 1)] = valueAt(other, path);
  }
  return copy;
}

describe.each(PRINTED_DIALECTS)("a spec that is printed as a manifest of %s", (dialect) => {
  test("is read back as the same spec but for what was told, with the same credentials", () => {
    fc.assert(
      fc.property(manifest, ({ spec, credentials }) => {
        const { text, notes } = printManifest(spec, credentials, dialect);
        const reading = readManifest(text, "job.yaml");
        expect(reading.problems).toEqual([]);
        const told = notes.flatMap(({ field }) => field ?? []);
        const read = reading.spec as TrainingSpec;
        expect(read).toEqual(withValues(spec, read, told));
        expect(reading.credentials).toEqual(credentials);
        for (const path of told) expect([path, valueAt(read, path)]).not.toEqual([path, valueAt(spec, path)]);
        if (dialect === "trainyard") expect(notes).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test("is the same text when it is printed again", () => {
    fc.assert(
      fc.property(manifest, ({ spec, credentials }) => {
        const { text } = printManifest(spec, credentials, dialect);
        const { spec: read, credentials: found } = readManifest(text, "job.yaml");
        expect(printManifest(read as TrainingSpec, found as Credentials, dialect).text).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});
