import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failure } from "../../../test/fixtures/failure.ts";
import { type S3FaultServer, type S3Request, startS3FaultServer } from "../../../test/fakes/s3-fault-server.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { AddressGuard } from "../address-guard.ts";
import { Retrier } from "../retry.ts";
import { openS3Store, type S3Store } from "./s3-store.ts";

const MIB = 1024 * 1024;
const live = new AbortController().signal;
const down = { kind: "error", status: 503, code: "ServiceUnavailable" } as const;

/** A server, and one store after the other over it, as if each belonged to a process that was killed. */
async function setUp() {
  const server = await startS3FaultServer();
  server.objects.buckets.set("bucket", new Map());
  const folder = await mkdtemp(join(tmpdir(), "trainyard-continue-"));
  const waits: number[] = [];
  const clock: Clock = { ...systemClock, sleep: async (ms) => void waits.push(ms) };
  const stores: S3Store[] = [];
  const next = (): S3Store => {
    const store = openS3Store({
      connection: { endpointUrl: server.endpoint, region: null, accessKeyId: "id", secretAccessKey: "secret" },
      bucket: "bucket",
      guard: new AddressGuard({ allowPrivate: true, allow: [] }),
      retrier: new Retrier({ attempts: 2, firstDelayMs: 1, maxDelayMs: 1 }, clock),
      partBytes: 5 * MIB,
      clock,
    });
    stores.push(store);
    store.continueUnfinished("training-1/");
    return store;
  };
  return {
    server,
    waits,
    next,
    kept: (key: string) => server.objects.buckets.get("bucket")?.get(key)?.bytes,
    count: (operation: S3Request["operation"]) => server.requests.filter((each) => each.operation === operation).length,
    async file(bytes: Uint8Array) {
      const path = join(folder, "file");
      await writeFile(path, bytes);
      return { kind: "file", path, sizeBytes: bytes.byteLength } as const;
    },
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** The store goes away once it has this many parts. */
function downAfter({ server }: { readonly server: S3FaultServer }, count: number) {
  return () => (partsAt(server) >= count ? down : undefined);
}

function partsAt({ objects }: S3FaultServer): number {
  return [...objects.uploads.values()].reduce((sum, { parts }) => sum + parts.size, 0);
}

test("an upload that was cut off is gone on with, and only what is missing is sent", async () => {
  await using bundle = await setUp();
  const bytes = randomBytes(41 * MIB);
  const file = await bundle.file(bytes);
  bundle.server.faults = downAfter(bundle, 3);
  expect(await failure(bundle.next().put("training-1/model", file, live))).toMatchObject({ retryable: true });
  expect(bundle.server.objects.uploads.size).toBe(1);
  const kept = partsAt(bundle.server);
  bundle.server.faults = () => undefined;
  const before = bundle.count("put-part");
  await bundle.next().put("training-1/model", file, live);
  expect(bundle.kept("training-1/model")?.equals(bytes)).toBe(true);
  // Whatever was under way beside the one that failed may have landed.
  expect([3, 4, 5, 6]).toContain(kept);
  expect(bundle.count("put-part") - before).toBe(9 - kept);
  // Each of the two stores asked once what is unfinished.
  expect([bundle.count("create-upload"), bundle.count("list-uploads"), bundle.count("list-parts")]).toEqual([1, 2, 1]);
  expect(bundle.server.objects.uploads.size).toBe(0);
});

test("of a content that changed only the parts that are still the same are taken", async () => {
  await using bundle = await setUp();
  const bytes = randomBytes(16 * MIB);
  bundle.server.faults = ({ operation }) => (operation === "complete-upload" ? down : undefined);
  await failure(bundle.next().put("training-1/model", await bundle.file(bytes), live));
  bundle.server.faults = () => undefined;
  bytes.writeUInt8(bytes.readUInt8(7 * MIB) ^ 1, 7 * MIB);
  const before = bundle.count("put-part");
  await bundle.next().put("training-1/model", await bundle.file(bytes), live);
  expect(bundle.kept("training-1/model")?.equals(bytes)).toBe(true);
  expect(bundle.count("put-part") - before).toBe(1);
});

test("uploads of other keys and other folders are left alone, and none of the same key stays behind", async () => {
  await using bundle = await setUp();
  const { objects } = bundle.server;
  for (const key of ["training-1/model", "training-1/model", "training-1/model2", "training-10/model"]) {
    objects.begin(key);
  }
  await bundle.next().put("training-1/model", await bundle.file(randomBytes(6 * MIB)), live);
  const left = [...objects.uploads.values()].map(({ key }) => key);
  expect(left).toEqual(["training-1/model2", "training-10/model"]);
});

test("outside the folder that is gone on with, a failed upload takes its parts back", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation, number }) => (operation === "put-part" && number > 1 ? down : undefined);
  await failure(bundle.next().put("shared/model", await bundle.file(randomBytes(11 * MIB)), live));
  expect(bundle.server.objects.uploads.size).toBe(0);
  expect(bundle.count("list-uploads")).toBe(0);
});

test("a store that does not tell of unfinished uploads gets the whole of it", async () => {
  await using bundle = await setUp();
  bundle.server.objects.begin("training-1/model");
  bundle.server.faults = ({ operation }) =>
    operation === "list-uploads" ? { kind: "error", status: 403, code: "AccessDenied" } : undefined;
  await bundle.next().put("training-1/model", await bundle.file(randomBytes(6 * MIB)), live);
  expect(bundle.kept("training-1/model")).toHaveLength(6 * MIB);
});

test("an upload that the store forgot meanwhile is begun anew", async () => {
  await using bundle = await setUp();
  const file = await bundle.file(randomBytes(11 * MIB));
  bundle.server.faults = ({ operation }) => (operation === "complete-upload" ? down : undefined);
  await failure(bundle.next().put("training-1/model", file, live));
  bundle.server.faults = ({ operation, number }) => {
    if (operation === "list-parts") setImmediate(() => bundle.server.objects.uploads.clear());
    return operation === "put-part" && number === 3 ? { kind: "error", status: 404, code: "NoSuchUpload" } : undefined;
  };
  await bundle.next().put("training-1/model", file, live);
  expect(bundle.kept("training-1/model")).toHaveLength(11 * MIB);
  expect(bundle.count("create-upload")).toBe(2);
});

test("an upload whose part was never answered is aborted a second time, after a wait", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation, number }) => {
    if (operation !== "put-part") return undefined;
    return number === 1 ? { kind: "reset" } : { kind: "error", status: 403, code: "AccessDenied" };
  };
  await failure(bundle.next().put("shared/model", await bundle.file(randomBytes(6 * MIB)), live));
  expect(bundle.count("abort-upload")).toBe(2);
  expect(bundle.waits.filter((ms) => ms === 1000)).toHaveLength(1);
});

test("small contents cost no question about uploads", async () => {
  await using bundle = await setUp();
  const store = bundle.next();
  for (let i = 0; i < 5; i += 1) {
    await store.put(`training-1/${i}`, { kind: "bytes", bytes: Buffer.from("x") }, live, null);
  }
  expect(bundle.server.requests.map(({ operation }) => operation)).toEqual(["put", "put", "put", "put", "put"]);
});

test("an object that a listing told of is not sent again, and one that it tells otherwise of is looked at", async () => {
  await using bundle = await setUp();
  const store = bundle.next();
  const content = { kind: "bytes", bytes: Buffer.from("weights") } as const;
  const listed = await store.put("training-1/a", content, live, null);
  await store.put("training-1/a", content, live, listed);
  await store.put("training-1/a", content, live, { ...listed, etag: "odd" });
  expect(bundle.server.requests.map(({ operation }) => operation)).toEqual(["put", "head"]);
});
