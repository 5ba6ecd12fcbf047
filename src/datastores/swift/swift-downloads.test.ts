import { expect, test } from "vitest";
import { startSwiftFaultServer, type SwiftRequest } from "../../../test/fakes/swift-fault-server.ts";
import { describeDownloadFaults } from "../../../test/fixtures/download-faults.ts";
import { systemClock } from "../../base/clock.ts";
import { AddressGuard } from "../address-guard.ts";
import { collect } from "../conformance.ts";
import { readRangeOf } from "../range-reads.ts";
import { Retrier } from "../retry.ts";
import { openSwiftStore, type SwiftStore } from "./swift-store.ts";

const live = new AbortController().signal;

function openStore(authUrl: string, retrier: Retrier, silenceMs: number, pageSize?: number): SwiftStore {
  const user = { userName: "user", password: "password" };
  const scope = { projectId: "project", domainName: "1234567", region: "dallas" };
  return openSwiftStore({
    connection: { authUrl, ...user, ...scope },
    bucket: "bucket",
    guard: new AddressGuard({ allowPrivate: true, allow: [] }),
    retrier,
    timeLimits: { connectMs: 500, silenceMs },
    ...(pageSize === undefined ? {} : { pageSize }),
  });
}

async function startBucket() {
  const server = await startSwiftFaultServer();
  const bucket = new Map<string, Buffer>();
  server.containers.set("bucket", bucket);
  return {
    server,
    bucket,
    of: (operation: SwiftRequest["operation"]) => server.requests.filter((each) => each.operation === operation),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

describeDownloadFaults("downloads from a Swift store with faults", async () => {
  const { server, bucket, of } = await startBucket();
  return {
    open: (retrier, silenceMs) => openStore(server.origin, retrier, silenceMs),
    keep: (key, bytes) => void bucket.set(key, bytes),
    remove: (key) => void bucket.delete(key),
    onGet: (script) => {
      server.faults = ({ operation, number }) => {
        const fault = operation === "get" ? script(number) : undefined;
        if (fault?.kind !== "error") return fault;
        const headers = fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter };
        return { kind: "error", status: fault.status, headers };
      };
    },
    gets: () => of("get").length,
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
});

const retrier = new Retrier({ attempts: 3, firstDelayMs: 1, maxDelayMs: 5 }, systemClock);

test("a token that ends between two objects costs one login and one request more", async () => {
  await using bundle = await startBucket();
  for (const key of ["a", "b"]) bundle.bucket.set(key, Buffer.from(key));
  bundle.server.faults = ({ operation, number }) =>
    operation === "get" && number === 2 ? { kind: "end-tokens" } : undefined;
  const store = openStore(bundle.server.origin, retrier, 1000);
  let text = "";
  const sink = { begin: () => {}, take: (piece: Buffer) => void (text += piece.toString()) };
  for (const key of ["a", "b"]) {
    await readRangeOf(store, { key, start: 0, end: null, etag: null }, sink, live);
  }
  await store.close();
  expect(text).toBe("ab");
  expect([bundle.of("login").length, bundle.of("get").length]).toEqual([2, 3]);
});

test("the next page is on its way while the last one is used, and none is asked for twice", async () => {
  await using bundle = await startBucket();
  for (let index = 0; index < 25; index += 1) bundle.bucket.set(`f${String(index).padStart(2, "0")}`, Buffer.from("x"));
  const store = openStore(bundle.server.origin, retrier, 1000, 10);
  for await (const { key } of store.list("", live)) {
    if (key === "f00") await expect.poll(() => bundle.of("list").length).toBe(2);
  }
  // The fourth is the empty one, by which the end is known.
  expect(bundle.of("list")).toHaveLength(4);
  expect(await collect(store.list("", live))).toHaveLength(25);
  await store.close();
});
