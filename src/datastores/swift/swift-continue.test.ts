import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failure } from "../../../test/fixtures/failure.ts";
import { startSwiftFaultServer, type SwiftRequest } from "../../../test/fakes/swift-fault-server.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { AddressGuard } from "../address-guard.ts";
import { Retrier } from "../retry.ts";
import { openSwiftStore, type SwiftStore } from "./swift-store.ts";

const MIB = 1024 * 1024;
const live = new AbortController().signal;
const down = { kind: "error", status: 503 } as const;

async function setUp() {
  const server = await startSwiftFaultServer();
  const bucket = new Map<string, Buffer>();
  server.containers.set("bucket", bucket);
  const folder = await mkdtemp(join(tmpdir(), "trainyard-continue-"));
  const clock: Clock = { ...systemClock, sleep: async () => {} };
  const stores: SwiftStore[] = [];
  const next = (): SwiftStore => {
    const store = openSwiftStore({
      connection: {
        authUrl: server.origin,
        userName: "user",
        password: "password",
        projectId: "project",
        domainName: "1234567",
        region: "dallas",
      },
      bucket: "bucket",
      guard: new AddressGuard({ allowPrivate: true, allow: [] }),
      retrier: new Retrier({ attempts: 2, firstDelayMs: 1, maxDelayMs: 1 }, clock),
      segmentBytes: MIB,
      clock,
    });
    stores.push(store);
    store.continueUnfinished("training-1/");
    return store;
  };
  return {
    server,
    bucket,
    next,
    segments: () => [...(server.containers.get("bucket_segments")?.keys() ?? [])],
    count: (operation: SwiftRequest["operation"]) =>
      server.requests.filter((each) => each.operation === operation).length,
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

/** The store goes away once it has this many segments more. */
function downAfter(bundle: { segments(): readonly string[] }, count: number) {
  const enough = bundle.segments().length + count;
  return () => (bundle.segments().length >= enough ? down : undefined);
}

test("an upload that was cut off is gone on with, and only what is missing is sent", async () => {
  await using bundle = await setUp();
  const bytes = randomBytes(9 * MIB);
  const file = await bundle.file(bytes);
  bundle.server.faults = downAfter(bundle, 3);
  await failure(bundle.next().put("training-1/model", file, live));
  const kept = bundle.segments().length;
  // Whatever was under way beside the one that failed may have landed.
  expect([3, 4, 5, 6]).toContain(kept);
  bundle.server.faults = () => undefined;
  const before = bundle.count("put");
  await bundle.next().put("training-1/model", file, live);
  expect(bundle.bucket.get("training-1/model")?.equals(bytes)).toBe(true);
  expect(bundle.count("put") - before).toBe(9 - kept);
  expect(bundle.segments()).toHaveLength(9);
});

test("what unfinished uploads left below a prefix is removed; what objects list, and what others put there, stays", async () => {
  await using bundle = await setUp();
  const store = bundle.next();
  await store.put("training-1/good", await bundle.file(randomBytes(2 * MIB)), live);
  bundle.server.faults = downAfter(bundle, 1);
  await failure(store.put("training-1/bad", await bundle.file(randomBytes(9 * MIB)), live));
  bundle.server.faults = () => undefined;
  const others = bundle.server.containers.get("bucket_segments");
  others?.set("training-1/good/1511434800.0/1048576/00000000", Buffer.from("of another program"));
  others?.set("training-10/x/0b5b8f5e-7f43-4d0a-9a53-000000000000/000000", Buffer.from("of another run"));
  expect(bundle.segments().some((name) => name.startsWith("training-1/bad/"))).toBe(true);
  await bundle.next().discardUnfinished("training-1/", live);
  expect(bundle.segments().filter((name) => name.startsWith("training-1/bad/"))).toEqual([]);
  expect(bundle.segments()).toHaveLength(4);
  expect(bundle.bucket.get("training-1/good")).toHaveLength(2 * MIB);
});

test("where nothing in segments ever came, there is nothing to remove", async () => {
  await using bundle = await setUp();
  await bundle.next().discardUnfinished("training-1/", live);
  expect(bundle.segments()).toEqual([]);
});

test("an object whose list of segments was never answered keeps its segments", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => {
    if (operation === "put-list") return { kind: "lose-answer" };
    return operation === "head" ? { kind: "error", status: 403 } : undefined;
  };
  const bytes = randomBytes(2 * MIB);
  await failure(bundle.next().put("shared/model", await bundle.file(bytes), live));
  expect(bundle.segments()).toHaveLength(2);
  expect(bundle.bucket.get("shared/model")?.equals(bytes)).toBe(true);
});

test("an upload whose list of segments never arrived takes them back", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => (operation === "put-list" ? { kind: "reset" } : undefined);
  await failure(bundle.next().put("shared/model", await bundle.file(randomBytes(2 * MIB)), live));
  expect(bundle.segments()).toEqual([]);
  expect(bundle.bucket.has("shared/model")).toBe(false);
});

test("where nobody can say whether the object is there, its segments stay", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => {
    if (operation === "put-list") return { kind: "reset" };
    return operation === "get" || operation === "head" ? down : undefined;
  };
  const put = bundle.next().put("shared/model", await bundle.file(randomBytes(2 * MIB)), live, null);
  await failure(put);
  expect(bundle.segments()).toHaveLength(2);
});

test("when answers to the list of segments are lost, a look tells that the object is there", async () => {
  await using bundle = await setUp();
  bundle.server.faults = ({ operation }) => (operation === "put-list" ? { kind: "lose-answer" } : undefined);
  await bundle.next().put("shared/model", await bundle.file(randomBytes(2 * MIB)), live);
  expect(bundle.count("put-list")).toBe(1);
});
