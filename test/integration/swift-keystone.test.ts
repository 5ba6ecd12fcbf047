import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { AddressGuard } from "../../src/datastores/address-guard.ts";
import { collect, describeDataStore } from "../../src/datastores/conformance.ts";
import type { Content, DataStore } from "../../src/datastores/datastore.ts";
import { createDataStores } from "../../src/datastores/open-store.ts";
import { Retrier, withRetry } from "../../src/datastores/retry.ts";
import { openS3Store } from "../../src/datastores/s3/s3-store.ts";
import type { SwiftConnection } from "../../src/datastores/swift/swift-login.ts";
import { openSwiftStore, type SwiftStoreOptions } from "../../src/datastores/swift/swift-store.ts";
import { downloadBucket } from "../../src/datastores/download-bucket.ts";
import { uploadTree } from "../../src/datastores/upload-tree.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { RawSwift } from "../servers/raw-swift.ts";
import { MAX_OBJECT_BYTES } from "../servers/swift-configuration.ts";
import { startSwiftKeystone, type SwiftKeystone } from "../servers/swift-keystone.ts";
import { failure } from "../fixtures/failure.ts";
import { text } from "../fixtures/text-content.ts";

const MIB = 1024 * 1024;
const live = new AbortController().signal;
const retry = { attempts: 3, firstDelayMs: 50, maxDelayMs: 200 };
const network = { allowPrivate: true, allow: [] };

let server: SwiftKeystone;
let raw: RawSwift;

describe.skipIf(!isAvailable("swift"))("a real Swift with a real Keystone", () => {
  beforeAll(async () => {
    server = await startSwiftKeystone();
    raw = await RawSwift.login(server);
  });
  afterAll(async () => server?.stop());

  describeDataStore("the Swift store with Keystone v3", async () => {
    const bucket = await raw.makeContainer();
    return {
      open: async () => openStore(bucket, {}, { pageSize: 100 }),
      openMissingBucket: async () => openStore("never-made"),
      // Segments are 1 MiB, and the one object of the test has four of them.
      unfinished: async () => Math.max(0, (await raw.names(`${bucket}_segments`)).length - 4),
      abilities: {
        anyKey: true,
        maxPartBytes: 1024,
        md5Etags: true,
        largeObjectBytes: 3 * MIB + 12_345,
        manyObjects: 250,
      },
      [Symbol.asyncDispose]: async () => {},
    };
  });

  describeDataStore("the Swift store with auth v1", async () => {
    const bucket = `v1-${randomBytes(6).toString("hex")}`;
    await makeV1Container(bucket);
    const v1 = { ...server.v1, region: null, domainName: null, projectId: null };
    return {
      open: async () => openStore(bucket, v1),
      openMissingBucket: async () => openStore("never-made", v1),
      abilities: { anyKey: true, maxPartBytes: 1024, md5Etags: true, largeObjectBytes: 2 * MIB + 1, manyObjects: 60 },
      [Symbol.asyncDispose]: async () => {},
    };
  });

  describeDataStore("the S3 store on Swift's own S3 layer", async () => {
    const bucket = await raw.makeContainer();
    return {
      open: async () => openS3(bucket),
      openMissingBucket: async () => openS3("never-made"),
      abilities: { anyKey: true, maxPartBytes: 1024, md5Etags: true, largeObjectBytes: 6 * MIB, manyObjects: 250 },
      [Symbol.asyncDispose]: async () => {},
    };
  });

  test("large objects of both kinds are listed with their size and read whole", async () => {
    await using bundle = await setUp();
    const pieces = ["first,", "second,", "third"];
    await raw.putStatic(bundle.bucket, "static", pieces);
    await raw.putDynamic(bundle.bucket, "dynamic", pieces);
    await bundle.store.put("empty", text(""), live);
    const objects = await collect(bundle.store.list("", live));
    expect(objects.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([
      ["dynamic", 18],
      ["empty", 0],
      ["static", 18],
    ]);
    for (const object of objects) expect(await bundle.store.head(object.key, live)).toEqual(object);
    for (const key of ["static", "dynamic"]) {
      expect(await textOf(await bundle.store.read(key, 0, live))).toBe("first,second,third");
      expect(await textOf(await bundle.store.read(key, 8, live))).toBe("cond,third");
    }
    await downloadBucket(bundle.store, join(bundle.folder, "data"), { retrier: bundle.retrier, signal: live });
    expect(await readFile(join(bundle.folder, "data/dynamic"), "utf8")).toBe("first,second,third");
  });

  test("what came through the S3 layer in parts is read as any object", async () => {
    await using bundle = await setUp();
    const bytes = randomBytes(5 * MIB + 7);
    const s3 = openS3(bundle.bucket);
    await s3.put("model", await bundle.file(bytes), live);
    const [object] = await collect(bundle.store.list("", live));
    expect(object).toEqual(await bundle.store.head("model", live));
    expect(object?.sizeBytes).toBe(bytes.length);
    expect((await buffer(await bundle.store.read("model", 0, live))).equals(bytes)).toBe(true);
    await s3.close();
  });

  test("an object whose segment is gone is named, with the segment, and is no file", async () => {
    await using bundle = await setUp();
    const segments = await raw.putStatic(bundle.bucket, "model", ["x".repeat(300_000), "y".repeat(300_000)]);
    await raw.send("DELETE", `${segments}/seg/1`);
    const target = join(bundle.folder, "data");
    const error = await failure(downloadBucket(bundle.store, target, { retrier: bundle.retrier, signal: live }));
    expect(error).toMatchObject({ reason: "object_missing", retryable: false });
    expect(error.message).toContain("Object 'model'");
    expect(error.message).toContain(`segment '${segments}/seg/1' is missing`);
    expect(await readdir(target)).toEqual([]);
  });

  test("a large upload is one object in the bucket, and its segments are beside it", async () => {
    await using bundle = await setUp();
    const bytes = randomBytes(3 * MIB + 5);
    const key = "k".repeat(1000) + "/é☃".repeat(4);
    expect(Buffer.byteLength(key)).toBe(1024);
    const object = await bundle.store.put(key, await bundle.file(bytes), live);
    expect(await raw.names(bundle.bucket)).toEqual([key]);
    expect(await raw.names(`${bundle.bucket}_segments`)).toHaveLength(4);
    expect((await buffer(await bundle.store.read(key, 0, live))).equals(bytes)).toBe(true);
    expect(object.etag).toMatch(/^[0-9a-f]{32}-segments$/);
  });

  test("a large upload that is stopped takes its segments back", async () => {
    await using bundle = await setUp();
    const stop = new AbortController();
    const put = bundle.store.put("model", await bundle.file(randomBytes(16 * MIB)), stop.signal);
    const stopped = failure(put);
    const segments = async (): Promise<number> =>
      raw.names(`${bundle.bucket}_segments`).then(
        (names) => names.length,
        () => 0,
      );
    await expect.poll(segments, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
    stop.abort(new Error("stop now"));
    expect((await stopped).message).toBe("stop now");
    expect(await segments()).toBe(0);
    expect(await raw.names(bundle.bucket)).toEqual([]);
  });

  test("a token that ends in the middle is replaced, and nothing is lost", async () => {
    const authUrl = await server.startKeystone(3);
    await using bundle = await setUp({ authUrl });
    const until = Date.now() + 7_000;
    const written: string[] = [];
    while (Date.now() < until) {
      const key = `many/${String(written.length).padStart(6, "0")}`;
      await bundle.store.put(key, text(key), live);
      written.push(key);
    }
    expect((await collect(bundle.store.list("", live))).map(({ key }) => key)).toEqual(written);
    expect(written.length).toBeGreaterThan(10);
    expect(bundle.tries).toEqual([]);
  });

  test("what is wrong with a login is said with the key to check, and never with a secret", async () => {
    await using bundle = await setUp();
    const { stranger } = server;
    const cases: [Partial<SwiftConnection>, RegExp][] = [
      [{ password: "not-the-password" }, /'user_name', 'password' or 'domain_name' is wrong/],
      [{ userName: "nobody-here" }, /'user_name', 'password' or 'domain_name' is wrong/],
      [{ domainName: "nowhere" }, /the domain is 'nowhere'/],
      [{ projectId: "f".repeat(32) }, /no role in the project 'f{32}', or there is none/],
      [{ projectId: "training" }, /wants its id, not its name/],
      [stranger, /the user has no role in the project/],
      [{ region: "mars" }, /no object store in region 'mars'; there is one in: dallas, london/],
      [{ region: null }, /'region' is not named; there is one in: dallas, london/],
      [{ projectId: null }, /does not have project_id, which Keystone v3 needs/],
      [{ authUrl: server.v1.authUrl }, /'user_name' or 'password' is wrong/],
      [{ authUrl: `${server.s3.endpoint}/v3` }, /there is no Keystone v3 at 'auth_url'/],
      [
        { authUrl: server.authUrl.replace("/v3", ""), region: null },
        /there is no auth v1 at 'auth_url' \(auth v1 was spoken, since the connection does not have region\)/,
      ],
    ];
    for (const [wrong, message] of cases) {
      const store = openStore(bundle.bucket, wrong);
      const error = await failure(collect(store.list("", live)));
      expect(error.message).toMatch(message);
      expect(error).toMatchObject({ name: "RemoteError", reason: "denied", retryable: false });
      const { userName = server.userName, password = server.password } = wrong;
      for (const secret of [userName, password]) {
        expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(secret);
      }
      await store.close();
    }
  });

  test("the address of the login may end in its version or not", async () => {
    await using bundle = await setUp();
    const bare = server.authUrl.replace("/v3", "");
    for (const authUrl of [bare, `${bare}/`, `${bare}/v3/`, `${bare}/v2.0`, `${bare}/v3/auth/tokens`]) {
      const store = openStore(bundle.bucket, { authUrl });
      expect(await collect(store.list("", live))).toEqual([]);
      await store.close();
    }
  });

  test("who may only read reads, and learns at the first put that it may not", async () => {
    await using bundle = await setUp();
    await bundle.store.put("a", text("x"), live);
    const reader = openStore(bundle.bucket, server.reader);
    expect(await textOf(await reader.read("a", 0, live))).toBe("x");
    for (const content of [text("y"), await bundle.file(randomBytes(2 * MIB))]) {
      const error = await failure(reader.put("b", content, live));
      expect(error).toMatchObject({ reason: "denied", retryable: false, status: 403 });
      expect(error.message).toMatch(/the right to write|may not make it/);
    }
    await reader.close();
  });

  test("another region has other buckets", async () => {
    await using bundle = await setUp();
    const elsewhere = openStore(bundle.bucket, { region: server.otherRegion });
    const error = await failure(collect(elsewhere.list("", live)));
    expect(error).toMatchObject({ reason: "bucket_missing" });
    expect(error.message).toContain(`bucket '${bundle.bucket}' in region 'london'`);
    await elsewhere.close();
  });

  test("what the store does not take is refused for good", async () => {
    await using bundle = await setUp();
    const long = bundle.store.put("k".repeat(1025), text("x"), live);
    expect(await failure(long)).toMatchObject({ reason: "invalid", retryable: false });
    const whole = openStore(bundle.bucket, {}, { segmentBytes: 1024 * MIB });
    const large = await failure(whole.put("large", await bundle.file(Buffer.alloc(MAX_OBJECT_BYTES + 1)), live));
    expect(large).toMatchObject({ reason: "invalid", retryable: false, status: 413 });
    expect(large.message).toContain("larger than the store takes");
    await whole.close();
  });

  test("reading past the end gives nothing", async () => {
    await using bundle = await setUp();
    await bundle.store.put("digits", text("0123456789"), live);
    expect(await textOf(await bundle.store.read("digits", 100, live))).toBe("");
  });

  test("a bucket comes down and goes up through the door that the service uses", async () => {
    await using bundle = await setUp();
    const objects = { "train/a": "1", "train/ü ☃": "22", "train/": "", "../above": "no", "file..txt": "4", empty: "" };
    for (const [key, value] of Object.entries(objects)) await bundle.store.put(key, text(value), live);
    const { userName, password, authUrl, region, domainName, projectId } = server;
    const stores = createDataStores({
      embeddedRoot: bundle.folder,
      allowedRoots: [],
      network,
      clock: systemClock,
      retry,
    });
    const connection = { type: "swift", authUrl, region, domainName, projectId } as const;
    const credentials = { type: "swift", userName, password } as const;
    const data = await stores.open(connection, bundle.bucket, credentials, "data");
    const target = join(bundle.folder, "data");
    const down = await downloadBucket(data, target, { signal: live });
    expect(down).toMatchObject({ objects: 4, sizeBytes: 4, skipped: [{ key: "../above" }] });
    const results = await stores.open(connection, await raw.makeContainer(), credentials, "results");
    await uploadTree(results, "training-1/", target, { signal: live });
    expect((await collect(results.list("", live))).map(({ key }) => key)).toEqual([
      "training-1/empty",
      "training-1/file..txt",
      "training-1/train/a",
      "training-1/train/ü ☃",
    ]);
    await Promise.all([data.close(), results.close()]);
  });
});

function openStore(
  bucket: string,
  connection: Partial<SwiftConnection> = {},
  more: Partial<SwiftStoreOptions> = {},
): DataStore {
  const { userName, password, authUrl, region, domainName, projectId } = server;
  return openSwiftStore({
    connection: { userName, password, authUrl, region, domainName, projectId, ...connection },
    bucket,
    guard: new AddressGuard(network),
    retrier: new Retrier(retry, systemClock),
    segmentBytes: MIB,
    ...more,
  });
}

/** The same server through its S3 layer. */
function openS3(bucket: string): DataStore {
  const { endpoint: endpointUrl, ...keys } = server.s3;
  return openS3Store({
    connection: { endpointUrl, region: server.region, ...keys },
    bucket,
    guard: new AddressGuard(network),
    retrier: new Retrier(retry, systemClock),
    partBytes: 5 * MIB,
  });
}

async function makeV1Container(name: string): Promise<void> {
  const { authUrl, userName, password } = server.v1;
  const headers = { "x-auth-user": userName, "x-auth-key": password, connection: "close" };
  const login = await fetch(authUrl, { headers });
  const token = login.headers.get("x-auth-token") ?? "";
  const url = `${login.headers.get("x-storage-url") ?? ""}/${name}`;
  const made = await fetch(url, { method: "PUT", headers: { "x-auth-token": token, connection: "close" } });
  expect(made.status).toBe(201);
}

async function setUp(connection: Partial<SwiftConnection> = {}) {
  const bucket = await raw.makeContainer();
  const folder = await mkdtemp(join(tmpdir(), "trainyard-swift-"));
  const tries: unknown[] = [];
  const retrier = new Retrier(retry, systemClock, (fact) => tries.push(fact));
  const plain = openStore(bucket, connection, { retrier });
  return {
    bucket,
    folder,
    retrier,
    tries,
    store: withRetry(plain, retrier),
    async file(bytes: Uint8Array): Promise<Content> {
      const path = join(folder, "file");
      await writeFile(path, bytes);
      return { kind: "file", path, sizeBytes: bytes.byteLength };
    },
    async [Symbol.asyncDispose]() {
      await plain.close();
      await rm(folder, { recursive: true });
    },
  };
}
