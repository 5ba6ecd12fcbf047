import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { Clock } from "../base/clock.ts";
import { collect } from "./conformance.ts";
import type { StoredObject } from "./datastore.ts";
import { MemoryStore } from "./memory/memory-store.ts";
import { RemoteError } from "./remote-error.ts";
import { type FailedTry, Retrier, withRetry } from "./retry.ts";

const live = new AbortController().signal;
const policy = { attempts: 4, firstDelayMs: 100, maxDelayMs: 1000 };

/** Sleeps of no length, written down. */
function setUp() {
  const waits: number[] = [];
  const tries: FailedTry[] = [];
  const clock: Clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      waits.push(ms);
    },
  };
  const store = new Moody("bucket", new Map([["bucket", new Map([["a", new Uint8Array([65])]])]]));
  const retrier = new Retrier(policy, clock, (fact) => tries.push(fact));
  return { store, waits, tries, retrier, patient: withRetry(store, retrier) };
}

/** Fails as often as told before each call. */
class Moody extends MemoryStore {
  failures: RemoteError[] = [];
  listings: (string | undefined)[] = [];
  calls = 0;

  #mood(): void {
    this.calls += 1;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }

  override async *list(prefix: string, signal: AbortSignal, after?: string): AsyncGenerator<StoredObject> {
    this.listings.push(after);
    for await (const object of super.list(prefix, signal, after)) {
      this.#mood();
      yield object;
    }
  }

  override async read(key: string, offset: number, signal: AbortSignal) {
    this.#mood();
    return super.read(key, offset, signal);
  }

  override async head(key: string, signal: AbortSignal) {
    this.#mood();
    return super.head(key, signal);
  }
}

function busy(retryAfterMs: number | null = null): RemoteError {
  return new RemoteError("throttled", "The store asks for less.", { retryable: true, status: 503, retryAfterMs });
}

test("trouble that passes is not seen by the caller, but told", async () => {
  const { store, patient, waits, tries } = setUp();
  store.failures = [busy(), busy()];
  expect(await text(await patient.read("a", 0, live))).toBe("A");
  expect(waits).toHaveLength(2);
  expect(waits[0]).toBeGreaterThanOrEqual(50);
  expect(tries.map(({ what, attempt }) => `${what} ${attempt}`)).toEqual(["read 'a' 1", "read 'a' 2"]);
});

test("after the last try the error itself arrives", async () => {
  const { store, patient } = setUp();
  const errors = Array.from({ length: 9 }, () => busy());
  store.failures = [...errors];
  await expect(patient.head("a", live)).rejects.toBe(errors[3]);
  expect(store.calls).toBe(4);
});

test("an error that will not pass is not tried again", async () => {
  const { store, patient, waits } = setUp();
  store.failures = [new RemoteError("denied", "No.", { retryable: false })];
  await expect(patient.head("a", live)).rejects.toMatchObject({ reason: "denied" });
  expect(waits).toEqual([]);
});

test("a store that says how long to wait is given that time, within reason", async () => {
  const { store, patient, waits } = setUp();
  store.failures = [busy(7000), busy(86_400_000)];
  await patient.head("a", live);
  expect(waits).toEqual([7000, 60_000]);
});

test("a retrier around another one does not begin anew what that one gave up", async () => {
  const { store, patient, retrier } = setUp();
  store.failures = Array.from({ length: 20 }, () => busy());
  await expect(retrier.run("all", async () => patient.head("a", live), live)).rejects.toMatchObject({ status: 503 });
  expect(store.calls).toBe(4);
});

test("a listing goes on after the last key and counts its tries anew", async () => {
  const { store, patient, tries } = setUp();
  for (const key of ["b", "c", "d"]) await store.put(key, { kind: "bytes", bytes: new Uint8Array(1) }, live);
  store.failures = [busy(), busy(), busy()];
  const seen: string[] = [];
  for await (const { key } of patient.list("", live)) {
    seen.push(key);
    store.failures.push(busy(), busy(), busy());
  }
  expect(seen).toEqual(["a", "b", "c", "d"]);
  expect(new Set(store.listings)).toEqual(new Set([undefined, "a", "b", "c"]));
  expect(Math.max(...tries.map(({ attempt }) => attempt))).toBe(3);
});

test("a listing that never moves ends with the error", async () => {
  const { store, patient } = setUp();
  store.failures = Array.from({ length: 20 }, () => busy());
  await expect(collect(patient.list("", live))).rejects.toMatchObject({ reason: "throttled" });
  expect(store.calls).toBe(4);
});

test("an abort while waiting ends the call with the signal's reason", async () => {
  const stop = new AbortController();
  const { store } = setUp();
  store.failures = [busy()];
  const clock: Clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: async (_, signal) => {
      stop.abort(new Error("stop now"));
      signal?.throwIfAborted();
    },
  };
  await expect(withRetry(store, new Retrier(policy, clock)).head("a", stop.signal)).rejects.toThrow("stop now");
  expect(store.calls).toBe(1);
});
