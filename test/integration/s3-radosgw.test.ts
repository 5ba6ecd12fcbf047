import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { AddressGuard } from "../../src/datastores/address-guard.ts";
import { collect, describeDataStore } from "../../src/datastores/conformance.ts";
import type { Content, DataStore, KeepsRemains } from "../../src/datastores/datastore.ts";
import { createDataStores } from "../../src/datastores/open-store.ts";
import { Retrier } from "../../src/datastores/retry.ts";
import { openS3Store } from "../../src/datastores/s3/s3-store.ts";
import { downloadBucket } from "../../src/datastores/download-bucket.ts";
import { uploadTree } from "../../src/datastores/upload-tree.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { type Radosgw, type S3Keys, startRadosgw } from "../servers/radosgw.ts";
import { connectS3, makeBuckets } from "../servers/s3-client.ts";
import { text } from "../fixtures/text-content.ts";

const MIB = 1024 * 1024;
const live = new AbortController().signal;
const retry = { attempts: 3, firstDelayMs: 50, maxDelayMs: 200 };
const network = { allowPrivate: true, allow: [] };

let server: Radosgw;
let admin: S3Client;

describe.skipIf(!isAvailable("s3"))("a real S3 server", () => {
  beforeAll(async () => {
    server = await startRadosgw();
    admin = connectS3(server);
  });
  afterAll(async () => {
    admin?.destroy();
    await server?.stop();
  });

  describeDataStore("the S3 store on radosgw", async () => {
    const bucket = await makeBucket();
    return {
      open: async () => openStore(bucket),
      openMissingBucket: async () => openStore("never-made"),
      unfinished: async () => {
        const { Uploads } = await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
        return Uploads?.length ?? 0;
      },
      abilities: {
        anyKey: true,
        maxPartBytes: 1024,
        md5Etags: true,
        largeObjectBytes: 2 * 5 * MIB + 12_345,
        manyObjects: 2100,
      },
      [Symbol.asyncDispose]: async () => {},
    };
  });

  test("an object in parts has the ETag that was expected, and nothing unfinished is left", async () => {
    await using bundle = await setUp();
    const file = await bundle.file("large", randomBytes(2 * 5 * MIB + 1));
    const object = await bundle.store.put("large", file, live);
    expect(object.etag).toMatch(/^[0-9a-f]{32}-3$/);
    const stop = new AbortController();
    const put = bundle.store.put("aborted", await bundle.file("other", randomBytes(4 * 5 * MIB)), stop.signal);
    await untilUploads(bundle.bucket, 1);
    stop.abort(new Error("stop now"));
    await expect(put).rejects.toThrow("stop now");
    await untilUploads(bundle.bucket, 0);
    expect(await bundle.store.head("aborted", live)).toBeUndefined();
  });

  test("an upload goes to the server once: the same file again sends nothing", async () => {
    await using bundle = await setUp();
    const file = await bundle.file("model", randomBytes(6 * MIB));
    await bundle.store.put("model", file, live);
    const before = await modifiedAt(bundle.bucket, "model");
    await bundle.store.put("model", file, live);
    expect(await modifiedAt(bundle.bucket, "model")).toEqual(before);
  });

  test("errors tell whose turn it is, without a secret", async () => {
    await using bundle = await setUp();
    await bundle.store.put("a", text("x"), live);
    const cases: [S3Keys, string, RegExp][] = [
      [{ ...server, secretAccessKey: "wrongsecretwrongsecret" }, "denied", /does not belong to the access key/],
      [{ ...server, accessKeyId: "NOBODYKEY" }, "denied", /does not know the access key/],
      [server.other, "denied", /refused access/],
    ];
    for (const [keys, reason, message] of cases) {
      const store = openStore(bundle.bucket, keys);
      const calls = [
        async () => collect(store.list("", live)),
        async () => store.read("a", 0, live),
        async () => store.put("b", text("y"), live),
      ];
      for (const call of calls) {
        const error = (await call().catch((failure: unknown) => failure)) as Error;
        expect(error).toMatchObject({ name: "RemoteError", reason, retryable: false, status: 403 });
        expect(error.message).toMatch(message);
        for (const secret of [keys.secretAccessKey, keys.accessKeyId])
          expect(JSON.stringify(error)).not.toContain(secret);
        expect(error.message).not.toContain(keys.secretAccessKey);
        expect(error.message).not.toContain(keys.accessKeyId);
      }
      await store.close();
    }
  });

  test("a key that the server does not take is refused for good", async () => {
    await using bundle = await setUp();
    const put = bundle.store.put("k".repeat(1025), text("x"), live);
    await expect(put).rejects.toMatchObject({ reason: "invalid", retryable: false });
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
    const stores = createDataStores({
      embeddedRoot: bundle.folder,
      allowedRoots: [],
      network,
      clock: systemClock,
      retry,
    });
    const { endpoint, accessKeyId, secretAccessKey } = server;
    const connection = { type: "s3", endpointUrl: endpoint, region: null } as const;
    const keys = { type: "s3", accessKeyId, secretAccessKey } as const;
    const data = await stores.open(connection, bundle.bucket, keys, "data");
    const target = join(bundle.folder, "data");
    const down = await downloadBucket(data, target, { signal: live });
    expect(down).toMatchObject({ objects: 4, sizeBytes: 4, skipped: [{ key: "../above" }] });
    expect(await readFile(join(target, "train/ü ☃"), "utf8")).toBe("22");
    const results = await stores.open(connection, await makeBucket(), keys, "results");
    expect(await uploadTree(results, "training-1/", target, { signal: live })).toMatchObject({
      objects: 4,
      sizeBytes: 4,
    });
    expect((await collect(results.list("", live))).map(({ key }) => key)).toEqual([
      "training-1/empty",
      "training-1/file..txt",
      "training-1/train/a",
      "training-1/train/ü ☃",
    ]);
    await Promise.all([data.close(), results.close()]);
  });

  test("uploads that a crash left below a prefix are aborted, and no others", async () => {
    await using bundle = await setUp();
    const { bucket } = bundle;
    for (const Key of ["training-1/model é", "training-1/model é", "training-2/model"]) {
      const { UploadId } = await admin.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
      await admin.send(new UploadPartCommand({ Bucket: bucket, Key, UploadId, PartNumber: 1, Body: "part" }));
    }
    const store = bundle.store as DataStore & KeepsRemains;
    await store.discardUnfinished("training-1/", live);
    const { Uploads } = await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads?.map(({ Key }) => Key)).toEqual(["training-2/model"]);
  });
});

function openStore(bucket: string, keys: S3Keys = server): DataStore {
  const { accessKeyId, secretAccessKey } = keys;
  return openS3Store({
    connection: { endpointUrl: server.endpoint, region: null, accessKeyId, secretAccessKey },
    bucket,
    guard: new AddressGuard(network),
    retrier: new Retrier(retry, systemClock),
    partBytes: 5 * MIB,
  });
}

async function makeBucket(): Promise<string> {
  const bucket = `bucket-${randomBytes(6).toString("hex")}`;
  await makeBuckets(admin, bucket);
  return bucket;
}

async function setUp() {
  const bucket = await makeBucket();
  const folder = await mkdtemp(join(tmpdir(), "trainyard-s3-"));
  await mkdir(folder, { recursive: true });
  const store = openStore(bucket);
  return {
    bucket,
    folder,
    store,
    async file(name: string, bytes: Uint8Array): Promise<Content> {
      await writeFile(join(folder, name), bytes);
      return { kind: "file", path: join(folder, name), sizeBytes: bytes.byteLength };
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function modifiedAt(bucket: string, key: string): Promise<Date | undefined> {
  return (await admin.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))).LastModified;
}

/** Waits until the server knows so many unfinished uploads. */
async function untilUploads(bucket: string, wanted: number): Promise<void> {
  await expect
    .poll(async () => (await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.length ?? 0, {
      timeout: 20_000,
    })
    .toBe(wanted);
}
