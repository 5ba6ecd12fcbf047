import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { AddressGuard } from "../../src/datastores/address-guard.ts";
import { type ContinuesPuts, type DataStore, keepsRemains, type StoredObject } from "../../src/datastores/datastore.ts";
import { Retrier, withRetry } from "../../src/datastores/retry.ts";
import { openS3Store } from "../../src/datastores/s3/s3-store.ts";
import { openSwiftStore } from "../../src/datastores/swift/swift-store.ts";
import { uploadTree } from "../../src/datastores/upload-tree.ts";
import { type Fault, startS3FaultServer } from "../fakes/s3-fault-server.ts";
import { startSwiftFaultServer } from "../fakes/swift-fault-server.ts";
import { failure } from "../fixtures/failure.ts";
import { QUICK_FOLDER } from "../fixtures/quick-folder.ts";

/**
 * Faults of stores while results go up. Whatever happens on the way: every object is there once and whole, nothing
 * unfinished is left, and no more is sent than the faults cost.
 */

/** The smallest that the plan knows, and less than a store takes: what goes wrong does not depend on the size, and the time does. */
const PIECE_BYTES = 1024 * 1024;
const guard = new AddressGuard({ allowPrivate: true, allow: [] });
const live = new AbortController().signal;

/** What goes wrong, in words that both servers know. */
type Trouble =
  | { readonly kind: "error"; readonly status: number; readonly code: string; readonly retryAfter?: string }
  | { readonly kind: "reset" | "reset-in-body" | "silence" | "lose-answer" | "damage" | "end-tokens" };

/** The three kinds of request that put something. */
type Sending = "whole" | "piece" | "join";

interface Place extends AsyncDisposable {
  open(retrier: Retrier, clock: Clock): DataStore & ContinuesPuts;
  /** Asked before every request; `sending` is null for one that puts nothing, `number` counts those of its kind. */
  trouble: (sending: Sending | null, number: number) => Trouble | undefined;
  removeBucket(): void;
  makeBucket(): void;
  objects(): ReadonlyMap<string, Buffer>;
  count(sending: Sending): number;
  /** Parts or segments that belong to no object. */
  unfinished(): number;
}

async function s3Place(silenceMs: number): Promise<Place> {
  const server = await startS3FaultServer();
  server.objects.buckets.set("results", new Map());
  const kinds: Partial<Record<string, Sending>> = { put: "whole", "put-part": "piece", "complete-upload": "join" };
  const operations = { whole: "put", piece: "put-part", join: "complete-upload" } as const;
  const place: Place = {
    trouble: () => undefined,
    open: (retrier, clock) => {
      const connection = { endpointUrl: server.endpoint, region: null, accessKeyId: "id", secretAccessKey: "secret" };
      const timeLimits = { connectMs: 5000, silenceMs };
      return openS3Store({ connection, bucket: "results", guard, retrier, clock, timeLimits, partBytes: PIECE_BYTES });
    },
    removeBucket: () => void server.objects.buckets.delete("results"),
    makeBucket: () => void server.objects.buckets.set("results", new Map()),
    objects: () => new Map([...(server.objects.buckets.get("results") ?? [])].map(([key, { bytes }]) => [key, bytes])),
    count: (sending) => server.requests.filter(({ operation }) => operation === operations[sending]).length,
    unfinished: () => server.objects.uploads.size,
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
  server.faults = ({ operation, number }) => {
    const trouble = place.trouble(kinds[operation] ?? null, number);
    if (trouble?.kind === "end-tokens") return { kind: "error", status: 403, code: "ExpiredToken" };
    return trouble as Fault | undefined;
  };
  return place;
}

async function swiftPlace(silenceMs: number): Promise<Place> {
  const server = await startSwiftFaultServer();
  server.containers.set("results", new Map());
  const operations = { whole: "put", piece: "put", join: "put-list" } as const;
  const sendingOf = ({ operation, container }: { operation: string; container: string }): Sending | null => {
    if (operation === "put-list") return "join";
    if (operation !== "put") return null;
    return container === "results" ? "whole" : "piece";
  };
  const counts = new Map<Sending | null, number>();
  const place: Place = {
    trouble: () => undefined,
    open: (retrier, clock) => {
      const user = { userName: "user", password: "password", projectId: "project", domainName: "1", region: "dallas" };
      const connection = { authUrl: server.origin, ...user };
      const timeLimits = { connectMs: 5000, silenceMs };
      const options = { bucket: "results", guard, retrier, clock, timeLimits, segmentBytes: PIECE_BYTES };
      return openSwiftStore({ connection, ...options });
    },
    removeBucket: () => void server.containers.delete("results"),
    makeBucket: () => void server.containers.set("results", new Map()),
    objects: () => server.containers.get("results") ?? new Map<string, Buffer>(),
    count: (sending) =>
      server.requests.filter((request) => request.operation === operations[sending] && sendingOf(request) === sending)
        .length,
    unfinished: () => {
      // The one large object has as many segments as it has pieces, of one upload.
      const uploads = new Set([...(server.containers.get("results_segments")?.keys() ?? [])].map(dirname));
      return Math.max(0, uploads.size - (place.objects().has("run/large") ? 1 : 0));
    },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
  server.faults = (request) => {
    const sending = sendingOf(request);
    const number = (counts.get(sending) ?? 0) + 1;
    counts.set(sending, number);
    const trouble = place.trouble(sending, number);
    if (trouble?.kind !== "error") return trouble;
    const headers = trouble.retryAfter === undefined ? {} : { headers: { "retry-after": trouble.retryAfter } };
    return { kind: "error", status: trouble.status, ...headers };
  };
  return place;
}

const SMALL = 12;
/** Two whole pieces and a bit. */
const LARGE = Buffer.alloc(2 * PIECE_BYTES + 12_345, "large ");

/** `silenceMs` is short only where a fault is silence: large uploads keep this process busy for a while. */
async function setUp(makePlace: (silenceMs: number) => Promise<Place>, attempts = 8, silenceMs = 20_000) {
  const place = await makePlace(silenceMs);
  const folder = await mkdtemp(join(QUICK_FOLDER, "trainyard-upload-"));
  const contents = new Map<string, Buffer>([["run/large", LARGE]]);
  for (let i = 0; i < SMALL; i += 1) contents.set(`run/epoch ${i % 3}/file-${i}`, Buffer.from(`content ${i}`));
  for (const [key, bytes] of contents) {
    const path = join(folder, key.slice("run/".length));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  const waits: number[] = [];
  const clock: Clock = { ...systemClock, sleep: async (ms) => void waits.push(ms) };
  const stores: DataStore[] = [];
  const store = (): DataStore => {
    const retrier = new Retrier({ attempts, firstDelayMs: 1, maxDelayMs: 1 }, clock);
    const plain = place.open(retrier, clock);
    plain.continueUnfinished("run/");
    stores.push(plain);
    return withRetry(plain, retrier);
  };
  const upload = async (to = store()): Promise<DataStore> => {
    const listed = new Map<string, StoredObject>();
    for await (const object of to.list("run/", live)) listed.set(object.key, object);
    await uploadTree(to, "run/", folder, { listed, signal: live });
    return to;
  };
  const expectWhole = (): void => {
    expect([...place.objects().keys()].toSorted()).toEqual([...contents.keys()].toSorted());
    for (const [key, bytes] of contents) expect(digest(place.objects().get(key)), key).toBe(digest(bytes));
  };
  return {
    place,
    waits,
    store,
    upload,
    expectWhole,
    async [Symbol.asyncDispose]() {
      for (const each of stores) await each.close();
      await place[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function digest(bytes: Buffer | undefined): string | undefined {
  return bytes === undefined ? undefined : createHash("sha256").update(bytes).digest("hex");
}

const PASSING: readonly [string, Trouble][] = [
  ["an error 500", { kind: "error", status: 500, code: "InternalError" }],
  ["an error 503 without Retry-After", { kind: "error", status: 503, code: "SlowDown" }],
  ["an error 429 without Retry-After", { kind: "error", status: 429, code: "TooManyRequests" }],
  ["a reset before the body", { kind: "reset" }],
  ["a reset in the middle of the body", { kind: "reset-in-body" }],
  ["a stall", { kind: "silence" }],
  ["a wrong checksum in the answer", { kind: "damage" }],
];

describe.each([
  ["S3", s3Place],
  ["Swift", swiftPlace],
])("results on their way to %s", (kind, makePlace) => {
  test("without a fault, each object costs one request, and a repeat costs a listing", async () => {
    await using bundle = await setUp(makePlace);
    await bundle.upload();
    bundle.expectWhole();
    const { place } = bundle;
    expect([place.count("whole"), place.count("piece"), place.count("join")]).toEqual([SMALL, 3, 1]);
    await bundle.upload();
    expect([place.count("whole"), place.count("piece"), place.count("join")]).toEqual([SMALL, 3, 1]);
    expect(place.unfinished()).toBe(0);
  });

  test.each(PASSING)("%s costs the request that it befell", async (_, trouble) => {
    const isSilent = trouble.kind === "silence";
    await using bundle = await setUp(makePlace, 8, isSilent ? 1000 : undefined);
    const { place } = bundle;
    place.trouble = (sending, number) =>
      (sending === "whole" || sending === "piece") && number === 2 ? trouble : undefined;
    await bundle.upload();
    bundle.expectWhole();
    const sent = [place.count("whole"), place.count("piece")];
    if (isSilent) expect(Math.min(...sent)).toBeGreaterThanOrEqual(4);
    else if (trouble.kind !== "damage") expect(sent).toEqual([SMALL + 1, 4]);
    // Where only the answer was wrong, a look tells, and nothing need be sent again.
    else expect(sent[0]).toBeLessThanOrEqual(SMALL + 1);
    expect(place.unfinished()).toBe(0);
  });

  test.each([429, 503])("the time that a store asks for with %s is waited for", async (status) => {
    await using bundle = await setUp(makePlace);
    const { place } = bundle;
    place.trouble = (sending, number) =>
      sending === "whole" && number === 1 ? { kind: "error", status, code: "SlowDown", retryAfter: "7" } : undefined;
    await bundle.upload();
    bundle.expectWhole();
    expect(bundle.waits.filter((ms) => ms === 7000)).toHaveLength(1);
  });

  test("answers that are lost cost a look, not a second upload", async () => {
    await using bundle = await setUp(makePlace);
    const { place } = bundle;
    place.trouble = (sending, number) => (sending === "join" && number === 1 ? { kind: "lose-answer" } : undefined);
    await bundle.upload();
    bundle.expectWhole();
    expect([place.count("piece"), place.count("join")]).toEqual([3, 1]);
  });

  test("credentials that end in the middle end storing where new ones are the user's business, and nothing is lost", async () => {
    await using bundle = await setUp(makePlace);
    const { place } = bundle;
    place.trouble = (sending, number) => (sending === "piece" && number === 2 ? { kind: "end-tokens" } : undefined);
    // Keystone gives a new token for the password; keys of S3 that have expired are of no more use.
    if (kind === "S3") expect(await failure(bundle.upload())).toMatchObject({ reason: "denied", retryable: false });
    else await bundle.upload();
    place.trouble = () => undefined;
    await bundle.upload();
    bundle.expectWhole();
    expect(place.unfinished()).toBe(0);
  });

  test("a bucket that is gone and comes back empty gets everything", async () => {
    await using bundle = await setUp(makePlace);
    const { place } = bundle;
    place.removeBucket();
    expect(await failure(bundle.upload())).toMatchObject({ reason: "bucket_missing" });
    place.makeBucket();
    await bundle.upload();
    bundle.expectWhole();
  });

  test("a store that goes away in the middle is gone on with, and no byte that it has is sent twice", async () => {
    await using bundle = await setUp(makePlace, 2);
    const { place } = bundle;
    place.trouble = (sending) => (sending === "join" ? { kind: "error", status: 503, code: "SlowDown" } : undefined);
    expect(await failure(bundle.upload())).toMatchObject({ retryable: true });
    expect(place.objects().has("run/large")).toBe(false);
    place.trouble = () => undefined;
    await bundle.upload();
    bundle.expectWhole();
    expect(place.count("piece")).toBe(3);
    // A file that was cut off by the end of the others may go again.
    expect(place.count("whole")).toBeLessThanOrEqual(2 * SMALL);
    expect(place.unfinished()).toBe(0);
  });

  test.each([1, 2, 3])(
    "with three of ten requests failing, everything arrives once and whole (seed %i)",
    async (seed) => {
      await using bundle = await setUp(makePlace, 40);
      const { place } = bundle;
      const random = mulberry(seed);
      const troubles: readonly Trouble[] = [
        { kind: "error", status: 500, code: "InternalError" },
        { kind: "error", status: 503, code: "SlowDown", retryAfter: "1" },
        { kind: "error", status: 429, code: "TooManyRequests" },
        { kind: "reset" },
        { kind: "reset-in-body" },
        { kind: "lose-answer" },
      ];
      place.trouble = () => (random() < 0.3 ? troubles[Math.floor(random() * troubles.length)] : undefined);
      const store = await bundle.upload();
      place.trouble = () => undefined;
      if (keepsRemains(store)) await store.discardUnfinished("run/", live);
      bundle.expectWhole();
      expect(place.unfinished()).toBe(0);
      expect(place.count("whole")).toBeLessThan(3 * SMALL);
    },
  );
});

/** Mulberry32: the same numbers for the same seed. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
