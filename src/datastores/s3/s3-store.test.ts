import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync, truncateSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { expect, test } from "vitest";
import { systemClock } from "../../base/clock.ts";
import {
  type Fault,
  type S3FaultServer,
  type S3Request,
  startS3FaultServer,
} from "../../../test/fakes/s3-fault-server.ts";
import { AddressGuard } from "../address-guard.ts";
import { collect, describeDataStore } from "../conformance.ts";
import type { Content } from "../datastore.ts";
import { type FailedTry, Retrier, withRetry } from "../retry.ts";
import { downloadBucket } from "../download-bucket.ts";
import { TransferBudget } from "../transfer-budget.ts";
import { uploadTree } from "../upload-tree.ts";
import { openS3Store, type S3Store, type S3StoreOptions } from "./s3-store.ts";
import { failure } from "../../../test/fixtures/failure.ts";
import { text } from "../../../test/fixtures/text-content.ts";

const MIB = 1024 * 1024;
const live = new AbortController().signal;
const guard = new AddressGuard({ allowPrivate: true, allow: [] });
const credentials = { accessKeyId: "CANARYKEYID", secretAccessKey: "canarysecret" };

function openStore(
  server: Pick<S3FaultServer, "endpoint">,
  bucket: string,
  more: Partial<S3StoreOptions> = {},
): S3Store {
  return openS3Store({
    connection: { endpointUrl: server.endpoint, region: null, ...credentials },
    bucket,
    guard,
    retrier: new Retrier({ attempts: 4, firstDelayMs: 1, maxDelayMs: 5 }, systemClock),
    partBytes: 5 * MIB,
    ...more,
  });
}

describeDataStore("the S3 store on a small server", async () => {
  const server = await startS3FaultServer();
  server.objects.buckets.set("bucket", new Map());
  server.pageSize = 100;
  return {
    open: async () => openStore(server, "bucket"),
    openMissingBucket: async () => openStore(server, "missing"),
    unfinished: async () => server.objects.uploads.size,
    abilities: { anyKey: true, maxPartBytes: 1024, md5Etags: true, largeObjectBytes: 11 * MIB, manyObjects: 250 },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
});

/** `silenceMs` is short only where a fault is silence: large uploads keep this process busy for a while. */
async function setUp(silenceMs = 10_000) {
  const server = await startS3FaultServer();
  const bucket = new Map();
  server.objects.buckets.set("bucket", bucket);
  const folder = await mkdtemp(join(tmpdir(), "trainyard-s3-"));
  const tries: FailedTry[] = [];
  const retrier = new Retrier({ attempts: 4, firstDelayMs: 1, maxDelayMs: 5 }, systemClock, (fact) => tries.push(fact));
  const plain = openStore(server, "bucket", { retrier, timeLimits: { connectMs: 500, silenceMs } });
  return {
    server,
    tries,
    retrier,
    plain,
    store: withRetry(plain, retrier),
    folder,
    target: join(folder, "data"),
    keep: (key: string, bytes: Buffer | string) => server.objects.put(bucket, key, Buffer.from(bytes)),
    kept: (key: string): Buffer | undefined => bucket.get(key)?.bytes,
    count: (operation: S3Request["operation"]) => server.requests.filter((each) => each.operation === operation).length,
    async file(bytes: Uint8Array): Promise<Extract<Content, { kind: "file" }>> {
      await writeFile(join(folder, "file"), bytes);
      return { kind: "file", path: join(folder, "file"), sizeBytes: bytes.byteLength };
    },
    async [Symbol.asyncDispose]() {
      await plain.close();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** A fault for the first requests of one kind. */
function first(count: number, operation: S3Request["operation"], fault: Fault) {
  return (request: S3Request) => (request.operation === operation && request.number <= count ? fault : undefined);
}

const PASSING: readonly [string, Fault][] = [
  ["an error 500", { kind: "error", status: 500, code: "InternalError" }],
  ["an error 502 of a proxy", { kind: "error", status: 502, code: "Odd" }],
  ["an error 503", { kind: "error", status: 503, code: "SlowDown" }],
  ["an error 429", { kind: "error", status: 429, code: "TooManyRequests" }],
  ["a broken connection", { kind: "reset" }],
  ["silence", { kind: "silence" }],
  ["a page of another web server", { kind: "web-page" }],
];

test.each(PASSING)("%s twice, and the listing, the object and the upload are right all the same", async (_, fault) => {
  await using bundle = await setUp(fault.kind === "silence" ? 200 : undefined);
  bundle.keep("model", "weights");
  const scripts = (["list", "get", "put", "head"] as const).map((operation) => first(2, operation, fault));
  // A page of another server is a good answer to a request whose answer has no body to look at.
  const isBlind = (operation: string): boolean => fault.kind === "web-page" && operation !== "list";
  bundle.server.faults = (request) =>
    isBlind(request.operation)
      ? undefined
      : scripts.map((script) => script(request)).find((each) => each !== undefined);
  expect((await collect(bundle.store.list("", live))).map(({ key }) => key)).toEqual(["model"]);
  expect(await textOf(await bundle.store.read("model", 0, live))).toBe("weights");
  await bundle.store.put("result", text("accuracy"), live);
  expect(bundle.kept("result")?.toString()).toBe("accuracy");
  expect(bundle.tries.length).toBeGreaterThanOrEqual(fault.kind === "web-page" ? 2 : 6);
});

test.each(PASSING)("%s for ever ends in an error that names the object", async (_, fault) => {
  await using bundle = await setUp(fault.kind === "silence" ? 100 : undefined);
  bundle.server.faults = (request) => (request.operation === "list" || fault.kind !== "web-page" ? fault : undefined);
  const error = await failure(
    fault.kind === "web-page" ? collect(bundle.store.list("", live)) : bundle.store.read("model", 0, live),
  );
  expect(error).toMatchObject({ name: "RemoteError", retryable: true });
  expect(error.message).toContain(fault.kind === "web-page" ? "bucket 'bucket'" : "Object 'model' of bucket 'bucket'");
  expect(error.message).toMatch(/^[A-Z].*\.$/);
});

test.each([
  ["AccessDenied", 403, "denied", /refused access/],
  ["SignatureDoesNotMatch", 403, "denied", /does not belong/],
  ["InvalidAccessKeyId", 403, "denied", /does not know/],
  ["RequestTimeTooSkewed", 403, "denied", /clocks/],
  ["NoSuchBucket", 404, "bucket_missing", /bucket does not exist/],
  ["InvalidBucketName", 400, "invalid", /bucket's name/],
  ["Unheard", 418, "invalid", /Unheard, HTTP 418/],
] as const)("%s is told once, in words, and not tried again", async (code, status, reason, message) => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => (operation === "head" ? undefined : { kind: "error", status, code });
  for (const call of [
    async () => collect(bundle.store.list("", live)),
    async () => bundle.store.read("model", 0, live),
    async () => bundle.store.put("model", text("x"), live),
  ]) {
    const error = await failure(call());
    expect(error).toMatchObject({ reason, retryable: false, status, requestId: "fake-1" });
    expect(error.message).toMatch(message);
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toMatch(/CANARY|canary/);
  }
  expect(bundle.tries).toEqual([]);
});

test("the time that a store asks for is passed on", async () => {
  await using bundle = await setUp();
  const busy = (retryAfter: string) => ({ kind: "error", status: 503, code: "SlowDown", retryAfter }) as const;
  bundle.server.faults = () => busy("7");
  expect(await failure(bundle.plain.head("x", live))).toMatchObject({ retryAfterMs: 7000, retryable: true });
  bundle.server.faults = () => busy(new Date(Date.now() + 30_000).toUTCString());
  const error = (await failure(bundle.plain.read("x", 0, live))) as Error & { retryAfterMs: number };
  expect(error.retryAfterMs).toBeGreaterThan(20_000);
  bundle.server.faults = () => busy("soon");
  expect(await failure(bundle.plain.head("x", live))).toMatchObject({ retryAfterMs: null });
});

test("an error of a name that no store has is judged by its status", async () => {
  await using bundle = await setUp();
  bundle.server.faults = () => ({ kind: "error", status: 400, code: "constructor" });
  const error = await failure(bundle.plain.read("x", 0, live));
  expect(error).toMatchObject({ reason: "invalid", retryable: false, status: 400 });
  expect(error.message).toContain("refused the request");
});

test("a server that does not speak HTTP is no S3 store", async () => {
  const server = createServer((socket) => socket.resume().end("SSH-2.0-OpenSSH_9.2p1\r\n")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store = openStore({ endpoint }, "bucket");
  const error = await failure(store.read("x", 0, live));
  expect(error).toMatchObject({ reason: "server_error", status: null });
  expect(error.message).toContain("not one of an S3 store");
  await store.close();
  await once(server.close(), "close");
});

test("a redirect is not followed", async () => {
  await using bundle = await setUp();
  await using elsewhere = await startS3FaultServer();
  bundle.server.faults = () => ({ kind: "redirect", location: `${elsewhere.endpoint}/bucket/model` });
  const error = await failure(bundle.store.read("model", 0, live));
  expect(error).toMatchObject({ reason: "invalid", retryable: false, message: expect.stringContaining("redirect") });
  expect(elsewhere.requests).toEqual([]);
});

test("nothing is sent to an address that is refused when its name is resolved", async () => {
  await using bundle = await setUp();
  const closed = new AddressGuard({ allowPrivate: false, allow: [] });
  const store = openS3Store({
    connection: { endpointUrl: bundle.server.endpoint.replace("127.0.0.1", "localhost"), region: null, ...credentials },
    bucket: "bucket",
    guard: { checkEndpoint: (url) => guard.checkEndpoint(url), lookup: closed.lookup },
    retrier: bundle.retrier,
  });
  expect(await failure(store.read("model", 0, live))).toMatchObject({ reason: "address_refused", retryable: false });
  expect(bundle.server.requests).toEqual([]);
  await store.close();
});

test("nobody at the endpoint is said in words", async () => {
  const server = await startS3FaultServer();
  await server[Symbol.asyncDispose]();
  const store = openStore(server, "bucket");
  expect(await failure(store.head("a", live))).toMatchObject({
    reason: "unreachable",
    retryable: true,
    message: expect.stringContaining("nothing accepts connections there"),
  });
  await store.close();
});

test.each([
  ["breaks", { kind: "cut", bytes: 200_000, end: "reset" }],
  ["falls silent", { kind: "cut", bytes: 200_000, end: "silence" }],
  ["ends early as if it were whole", { kind: "cut", bytes: 200_000, end: "clean" }],
] as const)("a download whose answer %s goes on where it was", async (_, fault) => {
  await using bundle = await setUp(fault.end === "silence" ? 200 : undefined);
  const bytes = randomBytes(500_000);
  bundle.keep("model", bytes);
  bundle.server.faults = first(2, "get", fault);
  await downloadBucket(bundle.store, bundle.target, { retrier: bundle.retrier, signal: live });
  expect((await readFile(join(bundle.target, "model"))).equals(bytes)).toBe(true);
  const ranges = bundle.server.requests.flatMap(({ operation, headers }) =>
    operation === "get" ? [headers.range] : [],
  );
  expect(ranges).toHaveLength(3);
  expect(ranges[0]).toBeUndefined();
  expect(ranges[2]).toMatch(/^bytes=[1-9]\d+-\d+$/);
});

test("a server that does not know ranges is read again from the beginning without mixing", async () => {
  await using bundle = await setUp();
  const bytes = randomBytes(500_000);
  bundle.keep("model", bytes);
  bundle.server.knowsRanges = false;
  bundle.server.faults = first(1, "get", { kind: "cut", bytes: 200_000, end: "clean" });
  await downloadBucket(bundle.store, bundle.target, { retrier: bundle.retrier, signal: live });
  expect((await readFile(join(bundle.target, "model"))).equals(bytes)).toBe(true);
});

test("damaged bytes never become a file", async () => {
  await using bundle = await setUp();
  bundle.keep("model", "weights");
  bundle.server.faults = first(1, "get", { kind: "damage" });
  await downloadBucket(bundle.store, bundle.target, { retrier: bundle.retrier, signal: live });
  expect(await readFile(join(bundle.target, "model"), "utf8")).toBe("weights");
  await rm(bundle.target, { recursive: true });
  bundle.server.faults = ({ operation }) => (operation === "get" ? { kind: "damage" } : undefined);
  const error = await failure(downloadBucket(bundle.store, bundle.target, { retrier: bundle.retrier, signal: live }));
  expect(error).toMatchObject({ reason: "corrupted", message: expect.stringContaining("Object 'model'") });
  expect(await readdir(bundle.target)).toEqual([]);
});

test("a listing that changes between its pages gives what stayed exactly once", async () => {
  await using bundle = await setUp();
  for (let i = 0; i < 30; i += 1) bundle.keep(`f${String(i).padStart(2, "0")}`, "x");
  bundle.server.pageSize = 10;
  bundle.server.faults = ({ operation, number }) => {
    if (operation === "list" && number === 2) {
      bundle.keep("a-new-one-before", "x");
      bundle.keep("f15-new", "x");
      bundle.server.objects.buckets.get("bucket")?.delete("f20");
    }
    return undefined;
  };
  const keys = (await collect(bundle.store.list("", live))).map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  const stayed = Array.from({ length: 30 }, (_, i) => `f${String(i).padStart(2, "0")}`).filter((key) => key !== "f20");
  expect(keys).toEqual(expect.arrayContaining(stayed));
  expect(keys).not.toContain("f20");
});

test("a page that fails costs one page, not the listing", async () => {
  await using bundle = await setUp();
  for (let i = 0; i < 50; i += 1) bundle.keep(`f${String(i).padStart(2, "0")}`, "x");
  bundle.server.pageSize = 5;
  bundle.server.faults = ({ operation, number }) =>
    operation === "list" && number % 2 === 0 ? { kind: "error", status: 500, code: "InternalError" } : undefined;
  expect(await collect(bundle.store.list("", live))).toHaveLength(50);
  expect(bundle.count("list")).toBeLessThanOrEqual(21);
});

test("a server of 2006 is listed in its own way", async () => {
  await using bundle = await setUp();
  for (let i = 0; i < 25; i += 1) bundle.keep(`key ${i}+ü&<`, "x");
  bundle.server.generation = 2006;
  bundle.server.pageSize = 10;
  expect(await collect(bundle.store.list("key ", live))).toHaveLength(25);
  expect(bundle.count("list")).toBe(3);
});

test("the answer to an upload may be lost, and the upload is still done once", async () => {
  await using bundle = await setUp();
  bundle.server.faults = (request) =>
    first(1, "put", { kind: "lose-answer" })(request) ?? first(1, "complete-upload", { kind: "lose-answer" })(request);
  const small = await bundle.store.put("small", text("x"), live);
  expect(small).toEqual(await bundle.store.head("small", live));
  const bytes = randomBytes(11 * MIB);
  const large = await bundle.store.put("large", await bundle.file(bytes), live);
  expect(large).toEqual(await bundle.store.head("large", live));
  expect(bundle.kept("large")?.equals(bytes)).toBe(true);
  expect(bundle.count("put")).toBe(1);
  expect(bundle.count("complete-upload")).toBe(1);
});

test("a part that fails costs that part, not the upload", async () => {
  await using bundle = await setUp();
  const failed = new Set<string | null>();
  bundle.server.faults = ({ operation, url }) => {
    const part = url.searchParams.get("partNumber");
    if (operation !== "put-part" || failed.has(part)) return undefined;
    failed.add(part);
    return { kind: "error", status: 500, code: "InternalError" };
  };
  const bytes = randomBytes(21 * MIB);
  await bundle.store.put("large", await bundle.file(bytes), live);
  expect(bundle.kept("large")?.equals(bytes)).toBe(true);
  expect(bundle.count("create-upload")).toBe(1);
  expect(bundle.count("put-part")).toBe(10);
});

test("an upload that fails for good is taken back at the server", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) =>
    operation === "put-part" ? { kind: "error", status: 403, code: "AccessDenied" } : undefined;
  const error = await failure(bundle.store.put("large", await bundle.file(randomBytes(11 * MIB)), live));
  expect(error).toMatchObject({ reason: "denied" });
  expect(bundle.server.objects.uploads.size).toBe(0);
  expect(bundle.kept("large")).toBeUndefined();
});

test("uploads that a crash left below a prefix are aborted, page by page, and no others", async () => {
  await using bundle = await setUp();
  bundle.server.pageSize = 2;
  const keys = ["training-1/a", "training-1/ü +% <&>", "training-1/ü +% <&>", "training-1/z/1", "training-1/z/2"];
  for (const key of [...keys, "training-10/a", "training-0/a"]) bundle.server.objects.begin(key);
  await bundle.plain.discardUnfinished("training-1/", live);
  const left = [...bundle.server.objects.uploads.values()].map(({ key }) => key);
  expect(left).toEqual(["training-10/a", "training-0/a"]);
  await bundle.plain.discardUnfinished("training-1/", live);
  expect(bundle.count("abort-upload")).toBe(keys.length);
});

test("a store that does not show its unfinished uploads says so", async () => {
  await using bundle = await setUp();
  bundle.server.faults = first(1, "list-uploads", { kind: "error", status: 403, code: "AccessDenied" });
  expect(await failure(bundle.plain.discardUnfinished("training-1/", live))).toMatchObject({ reason: "denied" });
});

test("an object that the store holds differently than it was sent is not taken for stored", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) =>
    operation === "put" || operation === "complete-upload" ? { kind: "damage" } : undefined;
  expect(await failure(bundle.store.put("small", text("x"), live))).toMatchObject({ reason: "corrupted" });
  const large = bundle.store.put("large", await bundle.file(randomBytes(6 * MIB)), live);
  expect(await failure(large)).toMatchObject({ reason: "corrupted", message: expect.stringContaining("'large'") });
});

test("who may write but not look can still store", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) =>
    operation === "head" ? { kind: "error", status: 403, code: "AccessDenied" } : undefined;
  await bundle.store.put("model", text("weights"), live);
  expect(bundle.kept("model")?.toString()).toBe("weights");
});

test("a file that shrinks or vanishes while it is being sent ends the upload at once", async () => {
  for (const spoil of [(path: string) => truncateSync(path, 1000), (path: string) => rmSync(path)]) {
    await using bundle = await setUp();
    const file = await bundle.file(randomBytes(MIB));
    bundle.server.faults = ({ operation }) => {
      if (operation === "head") spoil(file.path); // Between the checksum and the upload.
      return undefined;
    };
    const error = await failure(bundle.store.put("model", file, live));
    expect(error).toMatchObject({ reason: "invalid", retryable: false, message: expect.stringContaining("The file") });
    expect(bundle.kept("model")).toBeUndefined();
  }
});

test("a silent upload is ended by the time limit", async () => {
  await using bundle = await setUp(300);
  bundle.server.faults = ({ operation }) => (operation === "put" ? { kind: "silence" } : undefined);
  const error = await failure(bundle.plain.put("model", await bundle.file(randomBytes(4 * MIB)), live));
  expect(error).toMatchObject({ reason: "unreachable", message: expect.stringContaining("did not answer in time") });
});

test("with every third answer broken, everything arrives once and unharmed", async () => {
  await using bundle = await setUp();
  const contents = new Map(
    Array.from({ length: 120 }, (_, i) => [`d${i % 7}/f${i}`, randomBytes(i === 0 ? 11 * MIB : (i * 997) % 150_000)]),
  );
  for (const [key, bytes] of contents) bundle.keep(key, bytes);
  const kinds: readonly Fault[] = [
    { kind: "error", status: 500, code: "InternalError" },
    { kind: "error", status: 503, code: "SlowDown", retryAfter: "0" },
    { kind: "reset" },
    { kind: "lose-answer" },
    { kind: "cut", bytes: 70_000, end: "reset" },
    { kind: "cut", bytes: 10, end: "clean" },
  ];
  let seed = 42;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  bundle.server.pageSize = 10;
  bundle.server.faults = () => (random(10) < 3 ? kinds[random(kinds.length)] : undefined);
  const retrier = new Retrier({ attempts: 15, firstDelayMs: 1, maxDelayMs: 3 }, systemClock);
  const store = withRetry(openStore(bundle.server, "bucket", { retrier }), retrier);
  const down = await downloadBucket(store, bundle.target, { retrier, signal: live });
  expect(down.objects).toBe(contents.size);
  const results = new Map();
  bundle.server.objects.buckets.set("results", results);
  const sink = withRetry(openStore(bundle.server, "results", { retrier }), retrier);
  expect((await uploadTree(sink, "run/", bundle.target, { signal: live })).objects).toBe(contents.size);
  bundle.server.faults = () => undefined;
  expect(results.size).toBe(contents.size);
  for (const [key, bytes] of contents) {
    expect(digest(results.get(`run/${key}`).bytes), key).toBe(digest(bytes));
  }
  expect(bundle.server.objects.uploads.size).toBeLessThanOrEqual(bundle.count("create-upload"));
  await Promise.all([store.close(), sink.close()]);
});

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("connections are kept and used again", async () => {
  await using bundle = await setUp();
  for (let i = 0; i < 60; i += 1) bundle.keep(`f${i}`, "x".repeat(i * 1000));
  const budget = new TransferBudget({ requests: 4, requestsPerStore: 4, bytesPerSecond: null }, systemClock);
  await downloadBucket(bundle.store, bundle.target, { budget, signal: live });
  expect(bundle.count("list")).toBe(1);
  expect(bundle.count("get")).toBe(60);
  expect(bundle.server.connections).toBeLessThanOrEqual(5);
});
