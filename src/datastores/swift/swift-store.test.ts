import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { expect, test } from "vitest";
import {
  type Fault,
  startSwiftFaultServer,
  type SwiftFaultServer,
  type SwiftRequest,
} from "../../../test/fakes/swift-fault-server.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { AddressGuard } from "../address-guard.ts";
import { collect, describeDataStore } from "../conformance.ts";
import type { Content, DataStore } from "../datastore.ts";
import { type FailedTry, Retrier, withRetry } from "../retry.ts";
import { downloadBucket } from "../download-bucket.ts";
import type { SwiftConnection } from "./swift-login.ts";
import { openSwiftStore, type SwiftStoreOptions } from "./swift-store.ts";
import { failure } from "../../../test/fixtures/failure.ts";
import { text } from "../../../test/fixtures/text-content.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const live = new AbortController().signal;
const guard = new AddressGuard({ allowPrivate: true, allow: [] });

function openStore(
  server: SwiftFaultServer,
  bucket: string,
  more: Partial<SwiftStoreOptions> = {},
  connection: Partial<SwiftConnection> = {},
): DataStore {
  const user = { userName: "CANARYUSER", password: "canarypassword" };
  const scope = { projectId: "project", domainName: "1234567", region: "dallas" };
  return openSwiftStore({
    connection: { authUrl: server.origin, ...user, ...scope, ...connection },
    bucket,
    guard,
    retrier: new Retrier({ attempts: 4, firstDelayMs: 1, maxDelayMs: 5 }, systemClock),
    segmentBytes: MIB,
    ...more,
  });
}

describeDataStore("the Swift store on a small server", async () => {
  const server = await startSwiftFaultServer();
  server.containers.set("bucket", new Map());
  return {
    open: async () => openStore(server, "bucket", { pageSize: 100 }),
    openMissingBucket: async () => openStore(server, "missing"),
    abilities: { anyKey: true, maxPartBytes: 1024, md5Etags: true, largeObjectBytes: 3 * MIB + 1, manyObjects: 250 },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
});

/** `silenceMs` is short only where a fault is silence. */
async function setUp(silenceMs = 10_000) {
  const server = await startSwiftFaultServer();
  const bucket = new Map<string, Buffer>();
  server.containers.set("bucket", bucket);
  const folder = await mkdtemp(join(tmpdir(), "trainyard-swift-"));
  const tries: FailedTry[] = [];
  const retrier = new Retrier({ attempts: 6, firstDelayMs: 1, maxDelayMs: 5 }, systemClock, (fact) => tries.push(fact));
  const waits: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms) => {
      waits.push(ms);
    },
  };
  const plain = openStore(server, "bucket", { retrier, clock, timeLimits: { connectMs: 500, silenceMs } });
  return {
    server,
    bucket,
    tries,
    waits,
    retrier,
    plain,
    store: withRetry(plain, retrier),
    target: join(folder, "data"),
    count: (operation: SwiftRequest["operation"]) =>
      server.requests.filter((each) => each.operation === operation).length,
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

function first(count: number, operation: SwiftRequest["operation"], fault: Fault) {
  return (request: SwiftRequest) => (request.operation === operation && request.number <= count ? fault : undefined);
}

const PASSING: readonly [string, Fault][] = [
  ["an error 500", { kind: "error", status: 500 }],
  ["an error 503", { kind: "error", status: 503 }],
  ["an error 429", { kind: "error", status: 429 }],
  ["a broken connection", { kind: "reset" }],
  ["silence", { kind: "silence" }],
];

test.each(PASSING)("%s twice, and login, listing, object and upload are right all the same", async (_, fault) => {
  await using bundle = await setUp(fault.kind === "silence" ? 200 : undefined);
  bundle.bucket.set("model", Buffer.from("weights"));
  const scripts = (["login", "list", "get", "put"] as const).map((operation) => first(2, operation, fault));
  bundle.server.faults = (request) => scripts.map((script) => script(request)).find((each) => each !== undefined);
  expect((await collect(bundle.store.list("", live))).map(({ key }) => key)).toEqual(["model"]);
  expect(await textOf(await bundle.store.read("model", 0, live))).toBe("weights");
  await bundle.store.put("result", text("accuracy"), live);
  expect(bundle.bucket.get("result")?.toString()).toBe("accuracy");
  expect(bundle.tries.length).toBeGreaterThanOrEqual(7);
});

test("a token that ended is replaced by one login, however many requests find out", async () => {
  await using bundle = await setUp();
  for (let i = 0; i < 20; i += 1) bundle.bucket.set(`k${i}`, Buffer.from(String(i)));
  await bundle.store.head("k0", live);
  bundle.server.faults = ({ operation, number }) =>
    operation === "get" && number === 1 ? { kind: "end-tokens" } : undefined;
  const read = async (key: string): Promise<string> => textOf(await bundle.store.read(key, 0, live));
  const all = await Promise.all([...bundle.bucket.keys()].map(read));
  expect(all).toEqual([...bundle.bucket.values()].map(String));
  expect(bundle.count("login")).toBe(2);
  expect(bundle.tries).toEqual([]);
});

test("a token may end in the middle of a large upload and of a download that broke", async () => {
  await using bundle = await setUp();
  const bytes = randomBytes(5 * MIB);
  bundle.server.faults = ({ operation, number }) =>
    (operation === "put" && number === 2) || (operation === "put-list" && number === 1)
      ? { kind: "end-tokens" }
      : undefined;
  await bundle.store.put("model", await bundle.file(bytes), live);
  expect(bundle.count("login")).toBe(3);
  bundle.server.faults = ({ operation, number }) => {
    if (operation !== "get" || number > 2) return undefined;
    return number === 1 ? { kind: "cut", bytes: 200_000, end: "reset" } : { kind: "end-tokens" };
  };
  await downloadBucket(bundle.store, bundle.target, { retrier: bundle.retrier, signal: live });
  expect((await readFile(join(bundle.target, "model"))).equals(bytes)).toBe(true);
});

test("a store that takes no token at all is said to, and asked no further", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => (operation === "login" ? undefined : { kind: "error", status: 401 });
  const error = await failure(bundle.store.head("x", live));
  expect(error).toMatchObject({ reason: "denied", retryable: false, status: 401, requestId: "tx-fake" });
  expect(error.message).toContain("does not accept the token of a new login");
  expect(bundle.count("login")).toBe(2);
});

test.each([
  [403, "denied", /may not do this/],
  [413, "invalid", /larger than the store takes, or the quota/],
  [507, "denied", /the store is full/],
  [501, "invalid", /does not offer this/],
  [418, "invalid", /refused the request/],
  [302, "invalid", /a redirect to http:\/\/169\.254\.169\.254, not followed/],
] as const)("status %i is told once, in words, without a secret", async (status, reason, message) => {
  await using bundle = await setUp();
  const headers = status === 302 ? { location: "http://169.254.169.254/latest/meta-data?token=CANARY" } : {};
  bundle.server.faults = ({ operation }) => (operation === "login" ? undefined : { kind: "error", status, headers });
  for (const call of [
    async () => collect(bundle.store.list("", live)),
    async () => bundle.store.read("model", 0, live),
    async () => bundle.store.put("model", text("x"), live),
  ]) {
    const error = await failure(call());
    expect(error).toMatchObject({ name: "RemoteError", reason, retryable: false, status });
    expect(error.message).toMatch(message);
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toMatch(/CANARY|canary/);
  }
  expect(bundle.tries).toEqual([]);
});

test("the time that a store asks for is passed on", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) =>
    operation === "head" ? { kind: "error", status: 503, headers: { "retry-after": "7" } } : undefined;
  expect(await failure(bundle.plain.head("x", live))).toMatchObject({ retryAfterMs: 7000, retryable: true });
});

test.each([
  ["a link-local address", "http://169.254.169.254/v1/AUTH_x", /link-local/],
  ["another scheme", "file:///etc/passwd", /only http and https/],
  ["user info", "http://me:pw@127.0.0.1/v1/AUTH_x", /user name or password in the URL/],
  ["no URL", "nowhere", /not a URL/],
] as const)("a catalogue that leads to %s is not followed", async (_, storageUrl, message) => {
  await using bundle = await setUp();
  bundle.server.storageUrl = storageUrl;
  const v1 = { authUrl: `${bundle.server.origin}/auth/v1.0`, password: "secret", region: null };
  for (const store of [bundle.store, openStore(bundle.server, "bucket", {}, v1)]) {
    const error = await failure(store.head("model", live));
    expect(error).toMatchObject({ reason: "address_refused", retryable: false });
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("me:pw");
    await store.close();
  }
});

test("nothing is sent to an address that is refused when its name is resolved", async () => {
  await using bundle = await setUp();
  const closed = new AddressGuard({ allowPrivate: false, allow: [] });
  const open = { checkEndpoint: (url: string) => guard.checkEndpoint(url), lookup: closed.lookup };
  const authUrl = bundle.server.origin.replace("127.0.0.1", "localhost");
  const store = openStore(bundle.server, "bucket", { guard: open }, { authUrl });
  expect(await failure(store.head("model", live))).toMatchObject({ reason: "address_refused", retryable: false });
  await store.close();
  expect(bundle.server.requests).toEqual([]);
});

test("nobody at the address, and somebody who is no Keystone, are said in words", async () => {
  await using bundle = await setUp();
  const nobody = await startSwiftFaultServer();
  await nobody[Symbol.asyncDispose]();
  const store = openStore(nobody, "bucket");
  const error = await failure(store.head("a", live));
  expect(error).toMatchObject({ reason: "unreachable", retryable: true });
  expect(error.message).toBe(`The login at ${nobody.origin} failed: nothing accepts connections there.`);
  await store.close();
  bundle.server.faults = ({ operation }) => (operation === "login" ? { kind: "web-page" } : undefined);
  expect((await failure(bundle.plain.head("a", live))).message).toMatch(/answer is not one|no Keystone v3/);
  bundle.server.faults = ({ operation }) => (operation === "list" ? { kind: "web-page" } : undefined);
  expect((await failure(collect(bundle.plain.list("", live)))).message).toContain("not one of a Swift store");
});

test("auth v1 is spoken where the connection does not name all that v3 needs", async () => {
  await using bundle = await setUp();
  bundle.bucket.set("model", Buffer.from("weights"));
  const v1 = { authUrl: `${bundle.server.origin}/auth/v1.0`, password: "secret" };
  const bare = { region: null, projectId: null, domainName: null };
  for (const connection of [
    { ...v1, ...bare },
    { ...v1, ...bare, authUrl: bundle.server.origin },
    v1,
    { ...v1, region: null },
  ]) {
    const store = openStore(bundle.server, "bucket", {}, connection);
    expect(await textOf(await store.read("model", 0, live))).toBe("weights");
    await store.close();
  }
  const wrong = openStore(bundle.server, "bucket", {}, { ...v1, ...bare, password: "canarypassword" });
  const error = await failure(wrong.head("model", live));
  expect(error).toMatchObject({ reason: "denied", retryable: false });
  expect(error.message).toContain("'user_name' or 'password' is wrong (auth v1 was spoken");
  await wrong.close();
});

test.each([
  ["breaks", { kind: "cut", bytes: 200_000, end: "reset" }],
  ["falls silent", { kind: "cut", bytes: 200_000, end: "silence" }],
] as const)("a download whose answer %s goes on where it was", async (_, fault) => {
  await using bundle = await setUp(fault.end === "silence" ? 300 : undefined);
  const bytes = randomBytes(500_000);
  bundle.bucket.set("model", bytes);
  bundle.server.faults = first(2, "get", fault);
  await downloadBucket(bundle.store, bundle.target, { retrier: bundle.retrier, signal: live });
  expect((await readFile(join(bundle.target, "model"))).equals(bytes)).toBe(true);
  const ranges = bundle.server.requests.flatMap((each) => (each.operation === "get" ? [each.headers.range] : []));
  expect(ranges).toHaveLength(3);
  expect(ranges[2]).toMatch(/^bytes=[1-9]\d+-\d+$/);
});

test("stray bytes behind an answer without a body disturb nothing", async () => {
  await using bundle = await setUp();
  bundle.bucket.set("model", Buffer.from("weights"));
  bundle.server.faults = ({ operation }) => (operation === "head" ? { kind: "stray-bytes" } : undefined);
  for (let i = 0; i < 20; i += 1) expect(await bundle.plain.head("model", live)).toMatchObject({ sizeBytes: 7 });
});

test("the answer to an upload may be lost, and the object is right all the same", async () => {
  await using bundle = await setUp();
  bundle.server.faults = (request) =>
    first(1, "put", { kind: "lose-answer" })(request) ?? first(1, "put-list", { kind: "lose-answer" })(request);
  await bundle.store.put("small", text("x"), live);
  const bytes = randomBytes(3 * MIB + 7);
  const large = await bundle.store.put("large", await bundle.file(bytes), live);
  expect(large).toEqual(await bundle.store.head("large", live));
  expect(bundle.bucket.get("large")?.equals(bytes)).toBe(true);
});

test("a segment that fails costs that segment, not the upload", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation, number }) =>
    operation === "put" && number <= 2 ? { kind: "error", status: 500 } : undefined;
  await bundle.store.put("large", await bundle.file(randomBytes(4 * MIB)), live);
  expect(bundle.count("put")).toBe(6);
  expect(bundle.count("put-list")).toBe(1);
});

test("an upload that fails for good is taken back, and no half object is seen", async () => {
  await using bundle = await setUp();
  // Three of the four lanes hang, so that the fifth segment begins after the fourth was answered, and the sixth never.
  bundle.server.faults = (request) =>
    first(3, "put", { kind: "land-late" })(request) ??
    (request.operation === "put" && request.number === 5 ? { kind: "error", status: 507 } : undefined);
  const error = await failure(bundle.store.put("large", await bundle.file(randomBytes(6 * MIB)), live));
  expect(error).toMatchObject({ reason: "denied" });
  expect(bundle.bucket.has("large")).toBe(false);
  expect([...(bundle.server.containers.get("bucket_segments")?.keys() ?? [])]).toEqual([]);
  expect(bundle.waits).toHaveLength(1);
  expect(bundle.count("delete")).toBe(5 + 3);
});

test("a store without static large objects gets a dynamic one, and no list in its place", async () => {
  await using bundle = await setUp();
  bundle.server.knowsLists = false;
  const bytes = randomBytes(2 * MIB);
  const object = await bundle.store.put("a b/é", await bundle.file(bytes), live);
  expect(bundle.bucket.get("a b/é")?.equals(bytes)).toBe(true);
  expect(await bundle.store.head("a b/é", live)).toEqual(object);
});

test("an object that the store holds differently than it was sent is not taken for stored", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => (operation === "put" ? { kind: "damage" } : undefined);
  expect(await failure(bundle.store.put("small", text("x"), live))).toMatchObject({ reason: "corrupted" });
});

test("who may write but not look can still store", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => (operation === "head" ? { kind: "error", status: 403 } : undefined);
  await bundle.store.put("model", await bundle.file(randomBytes(100 * KIB)), live);
  expect(bundle.bucket.get("model")).toHaveLength(100 * KIB);
});
