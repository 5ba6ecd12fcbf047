import { hash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeDownloadFaults, noise } from "../../../test/fixtures/download-faults.ts";
import { failure } from "../../../test/fixtures/failure.ts";
import { type Fault, type S3Request, startS3FaultServer } from "../../../test/fakes/s3-fault-server.ts";
import type { FakeObject } from "../../../test/fakes/s3-objects.ts";
import { systemClock } from "../../base/clock.ts";
import { AddressGuard } from "../address-guard.ts";
import { type Download, downloadObjects, type Wanted } from "../download-objects.ts";
import { Retrier, withRetry } from "../retry.ts";
import { TransferBudget } from "../transfer-budget.ts";
import { openS3Store } from "./s3-store.ts";

const MIB = 1024 * 1024;
const live = new AbortController().signal;

function openStore(endpointUrl: string, retrier: Retrier, silenceMs: number) {
  return openS3Store({
    connection: { endpointUrl, region: null, accessKeyId: "id", secretAccessKey: "secret" },
    bucket: "bucket",
    guard: new AddressGuard({ allowPrivate: true, allow: [] }),
    retrier,
    timeLimits: { connectMs: 500, silenceMs },
  });
}

async function setUp({ attempts = 4, silenceMs = 10_000 } = {}) {
  const server = await startS3FaultServer();
  const bucket = new Map<string, FakeObject>();
  server.objects.buckets.set("bucket", bucket);
  const folder = await mkdtemp(join(tmpdir(), "trainyard-s3-downloads-"));
  const retrier = new Retrier({ attempts, firstDelayMs: 1, maxDelayMs: 5 }, systemClock);
  const plain = openStore(server.endpoint, retrier, silenceMs);
  const store = withRetry(plain, retrier);
  const budget = new TransferBudget({ requests: 16, requestsPerStore: 16, bytesPerSecond: null }, systemClock);
  return {
    server,
    bucket,
    store,
    keep: (key: string, bytes: Buffer | string) => server.objects.put(bucket, key, Buffer.from(bytes)),
    of: (operation: S3Request["operation"]) => server.requests.filter((each) => each.operation === operation),
    files: async () => (await readdir(folder)).sort(),
    file: async (name: string) => readFile(join(folder, name)),
    /** Everything, or what `list` gives; the file of an object is named by its place in the listing. */
    async download(onBytes: (count: number) => void = () => {}): Promise<readonly Download[]> {
      let count = 0;
      const wanted = async function* (signal: AbortSignal): AsyncGenerator<Wanted> {
        for await (const object of store.list("", signal)) {
          yield { object, path: join(folder, String(count)) };
          count += 1;
        }
      };
      const options = { budget, onBytes, partBytes: MIB, signal: live };
      const outcomes: Download[] = [];
      for await (const outcome of downloadObjects(store, wanted, options)) outcomes.push(outcome);
      return outcomes;
    },
    async [Symbol.asyncDispose]() {
      await plain.close();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function nth(operation: S3Request["operation"], numbers: readonly number[], fault: Fault) {
  return (request: S3Request) =>
    request.operation === operation && numbers.includes(request.number) ? fault : undefined;
}

test("a bucket costs a listing for each thousand keys and a request for each object, and nothing more", async () => {
  await using bundle = await setUp();
  for (let index = 0; index < 2345; index += 1) bundle.keep(`f${index}`, `content of ${index}`);
  let bytes = 0;
  const outcomes = await bundle.download((count) => (bytes += count));
  expect(outcomes.filter(({ kind }) => kind === "arrived")).toHaveLength(2345);
  expect(bundle.of("list")).toHaveLength(3);
  expect(bundle.of("get")).toHaveLength(2345);
  expect(bundle.server.requests).toHaveLength(2348);
  expect(bytes).toBe(outcomes.reduce((sum, { wanted }) => sum + wanted.object.sizeBytes, 0));
  expect(bundle.server.connections).toBeLessThanOrEqual(20);
});

test("a large object comes in ranges, each byte once, all of one version", async () => {
  await using bundle = await setUp();
  const bytes = noise(10 * MIB + 12_345);
  const { etag } = bundle.keep("large", bytes);
  let count = 0;
  const [outcome] = await bundle.download((more) => (count += more));
  expect(outcome).toMatchObject({ kind: "arrived", etag, sizeBytes: bytes.length });
  expect((await bundle.file("0")).equals(bytes)).toBe(true);
  expect(bundle.of("get")).toHaveLength(10);
  expect(bundle.of("get").every(({ headers }) => headers["if-match"] === `"${etag}"`)).toBe(true);
  expect(count).toBe(bytes.length);
});

test("a server that knows no ranges sends a large object once", async () => {
  await using bundle = await setUp();
  const bytes = noise(5 * MIB);
  bundle.keep("large", bytes);
  bundle.server.knowsRanges = false;
  await bundle.download();
  expect((await bundle.file("0")).equals(bytes)).toBe(true);
  expect(bundle.of("get")).toHaveLength(1);
});

test.for([true, false])(
  "an object replaced since it was listed is reported (conditions: %s)",
  async (knowsConditions) => {
    for (const size of [10, 5 * MIB]) {
      await using bundle = await setUp();
      bundle.server.knowsConditions = knowsConditions;
      bundle.keep("a", noise(size, 1));
      bundle.server.faults = ({ operation, number }) => {
        if (operation === "get" && number === (size === 10 ? 1 : 3)) bundle.keep("a", noise(size, 2));
        return undefined;
      };
      const [outcome] = await bundle.download();
      const now = { key: "a", sizeBytes: size, etag: hash("md5", noise(size, 2)) };
      expect(outcome).toMatchObject({ kind: "changed", now });
      expect(await bundle.files()).toEqual([]);
    }
  },
);

test.for([
  [403, "ExpiredToken"],
  [401, "ExpiredToken"],
  [403, "AccessDenied"],
] as const)("credentials that end with %i %s in the middle end the download at once", async ([status, code]) => {
  await using bundle = await setUp();
  for (let index = 0; index < 200; index += 1) bundle.keep(`f${index}`, "x");
  bundle.server.faults = ({ operation, number }) =>
    operation === "get" && number > 50 ? { kind: "error", status, code } : undefined;
  const error = await failure(bundle.download());
  expect(error).toMatchObject({ reason: "denied", status, message: expect.stringMatching(/'f\d+'/) });
  expect(bundle.of("get").length).toBeLessThanOrEqual(50 + 16);
});

test("an upload in parts is checked where the size of its parts can be told", async () => {
  await using bundle = await setUp();
  const bytes = noise(12 * MIB);
  const md5s = [bytes.subarray(0, 8 * MIB), bytes.subarray(8 * MIB)].map((part) => hash("md5", part, "buffer"));
  const etag = `${hash("md5", Buffer.concat(md5s))}-2`;
  bundle.bucket.set("model", { bytes, etag });
  bundle.server.faults = nth("get", [5], { kind: "damage" });
  const [outcome] = await bundle.download();
  expect(outcome).toMatchObject({ kind: "arrived", etag });
  expect((await bundle.file("0")).equals(bytes)).toBe(true);
  expect(bundle.of("get")).toHaveLength(24);
});

test("an upload in parts of an odd size is taken when the same bytes come twice", async () => {
  await using bundle = await setUp();
  bundle.bucket.set("model", { bytes: noise(2 * MIB), etag: `${"0".repeat(32)}-2` });
  const [outcome] = await bundle.download();
  expect(outcome).toMatchObject({ kind: "arrived" });
  expect(bundle.of("get")).toHaveLength(4);
});

function page(keys: readonly string[], token: string | null): Fault {
  const entries = keys.map(
    (key) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"${hash("md5", "x")}"</ETag></Contents>`,
  );
  const next = token === null ? "" : `<NextContinuationToken>${token}</NextContinuationToken>`;
  const isTruncated = `<IsTruncated>${token !== null}</IsTruncated>`;
  return { kind: "answer", body: `<ListBucketResult>${isTruncated}${next}${entries.join("")}</ListBucketResult>` };
}

test("a key that two pages list is brought once", async () => {
  await using bundle = await setUp();
  for (const key of ["a", "b", "c"]) bundle.keep(key, "x");
  const pages = [page(["a", "b"], "1"), page(["b", "c"], null)];
  bundle.server.faults = ({ operation, number }) => (operation === "list" ? pages[number - 1] : undefined);
  expect(await bundle.download()).toHaveLength(3);
  expect(bundle.of("get")).toHaveLength(3);
});

test.for([["same"], ["one", "other"]])("a listing that goes on for ever with %s tokens is left", async (tokens) => {
  await using bundle = await setUp({ attempts: 2 });
  bundle.keep("a", "x");
  bundle.server.faults = ({ operation, number }) =>
    operation === "list" ? page(["a"], tokens[number % tokens.length] ?? "") : undefined;
  const error = await failure(bundle.download());
  expect(error).toMatchObject({ message: expect.stringContaining("does not move on") });
});

test("a listing that is cut is asked for again from its last key on", async () => {
  await using bundle = await setUp();
  bundle.server.pageSize = 2;
  for (const key of ["a", "b", "c", "d", "e"]) bundle.keep(key, "x");
  bundle.server.faults = nth("list", [2, 3], { kind: "answer", body: "<ListBucketResult><IsTruncated>fal" });
  expect(await bundle.download()).toHaveLength(5);
  expect(bundle.of("get")).toHaveLength(5);
});

describeDownloadFaults("downloads from an S3 store with faults", async () => {
  const server = await startS3FaultServer();
  const bucket = new Map<string, FakeObject>();
  server.objects.buckets.set("bucket", bucket);
  return {
    open: (retrier, silenceMs) => openStore(server.endpoint, retrier, silenceMs),
    keep: (key, bytes) => void server.objects.put(bucket, key, bytes),
    remove: (key) => void bucket.delete(key),
    onGet: (script) => {
      server.faults = ({ operation, number }) => {
        const fault = operation === "get" ? script(number) : undefined;
        return fault?.kind === "error" ? { code: "Whatever", ...fault } : fault;
      };
    },
    gets: () => server.requests.filter(({ operation }) => operation === "get").length,
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
});
