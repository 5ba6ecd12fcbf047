import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { failure } from "../../test/fixtures/failure.ts";
import { text } from "../../test/fixtures/text-content.ts";
import { type Content, continuesPuts, type DataStore, keepsRemains, type StoredObject } from "./datastore.ts";

/** What a store can do that another cannot: data, so that the suite skips nothing by name. */
export interface StoreAbilities {
  /** Keys that are no paths: `a//b`, `a/../b`, a leading `/`, `folder/`, and `x` beside `x/y`. */
  readonly anyKey: boolean;
  /** The longest part between two slashes, in bytes. */
  readonly maxPartBytes: number;
  /** The ETag of an object put in one piece is its MD5. */
  readonly md5Etags: boolean;
  /** Bytes of an object that is put in several pieces. */
  readonly largeObjectBytes: number;
  /** How many objects the test of long listings puts; more than one page of the store. */
  readonly manyObjects: number;
}

export interface StoreUnderTest extends AsyncDisposable {
  /** Opens an empty bucket that exists. Two calls open the same bucket. */
  open(): Promise<DataStore>;
  openMissingBucket(): Promise<DataStore>;
  /** How many parts or segments there are that no object has; left out where nobody can tell. */
  unfinished?(): Promise<number>;
  readonly abilities: StoreAbilities;
}

const PATH_KEYS = [
  "file..txt",
  "with space",
  "tab\there",
  "nbsp\u00a0here",
  "ü ☃ 😀 %41+&=?#;~!'*()<>\"\\{}^``|",
  "line\nend",
  "return\rhere",
  "bell\u0007",
  "deep/er/and/deeper.bin",
  "$HOME;`id`",
  "-rf",
  "%2e%2e%2fx",
  "é composed",
  "e\u0301 decomposed",
];
const OTHER_KEYS = ["a//b", "a/./b", "a/../b", "../above", "/leading", "folder/", "x", "x/y"];

/** The promises of `DataStore`, checked against one implementation; every implementation passes all of them. */
export function describeDataStore(name: string, setUp: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    test("keys make the round trip unchanged", async () => {
      await using bundle = await open(setUp);
      const { store, abilities } = bundle;
      const keys = [...PATH_KEYS, ...(abilities.anyKey ? OTHER_KEYS : []), longKey(abilities.maxPartBytes)];
      for (const key of keys) await store.put(key, text(`content of ${key}`), live);
      expect((await listed(store, "")).map(({ key }) => key).sort()).toEqual([...keys].sort());
      for (const key of keys) {
        expect((await content(store, key)).toString(), key).toBe(`content of ${key}`);
        expect(await store.head(key, live), key).toMatchObject({ key });
      }
    });

    test("a listing has every object once, with size, in byte order", async () => {
      await using bundle = await open(setUp);
      const { store, abilities } = bundle;
      const keys = Array.from({ length: abilities.manyObjects }, (_, i) => `many/${(i % 37).toString(36)}/${i}`);
      await putAll(store, keys);
      await store.put("other", text("x"), live);
      const objects = await listed(store, "many/");
      expect(objects.map(({ key }) => key)).toEqual([...keys].sort());
      expect(objects.every(({ key, sizeBytes }) => sizeBytes === key.length)).toBe(true);
    });

    test("a listing is taken up again after a key", async () => {
      await using bundle = await open(setUp);
      const keys = ["a-b", "a.b", "a/x", "a/y/z", "a0", "b"];
      await putAll(bundle.store, keys);
      for (const [index, after] of keys.entries()) {
        const rest = await listed(bundle.store, "", after);
        expect(rest.map(({ key }) => key)).toEqual(keys.slice(index + 1));
      }
      expect((await listed(bundle.store, "a/", "a/x")).map(({ key }) => key)).toEqual(["a/y/z"]);
    });

    test("a prefix is any beginning of a key, not only a folder", async () => {
      await using bundle = await open(setUp);
      await putAll(bundle.store, ["run-1/a", "run-10/a", "run-1", "ru"].slice(0, bundle.abilities.anyKey ? 4 : 2));
      expect((await listed(bundle.store, "run-1/")).map(({ key }) => key)).toEqual(["run-1/a"]);
      expect((await listed(bundle.store, "run-1")).map(({ key }) => key)).toContain("run-10/a");
      expect(await listed(bundle.store, "none")).toEqual([]);
      expect(await listed(bundle.store, "none/at/all/")).toEqual([]);
    });

    test("a listing that is left early is left in peace", async () => {
      await using bundle = await open(setUp);
      await putAll(bundle.store, ["a", "b", "c"]);
      for await (const object of bundle.store.list("", live)) {
        expect(object.key).toBe("a");
        break;
      }
    });

    test("reading begins at any offset", async () => {
      await using bundle = await open(setUp);
      await bundle.store.put("digits", text("0123456789"), live);
      expect((await content(bundle.store, "digits", 0)).toString()).toBe("0123456789");
      expect((await content(bundle.store, "digits", 7)).toString()).toBe("789");
      expect((await content(bundle.store, "digits", 10)).toString()).toBe("");
    });

    test("an empty object is an object", async () => {
      await using bundle = await open(setUp);
      await bundle.store.put("empty", { kind: "bytes", bytes: new Uint8Array() }, live);
      expect(await listed(bundle.store, "")).toMatchObject([{ key: "empty", sizeBytes: 0 }]);
      expect(await content(bundle.store, "empty")).toHaveLength(0);
    });

    test("an empty bucket lists as nothing", async () => {
      await using bundle = await open(setUp);
      expect(await listed(bundle.store, "")).toEqual([]);
    });

    test("other content replaces an object, and its etag changes", async () => {
      await using bundle = await open(setUp);
      const first = await bundle.store.put("model", text("first"), live);
      const second = await bundle.store.put("model", text("second"), live);
      expect((await content(bundle.store, "model")).toString()).toBe("second");
      expect(second.sizeBytes).toBe(6);
      expect(second.etag).not.toBe(first.etag);
    });

    test("the same content again changes nothing", async () => {
      await using bundle = await open(setUp);
      const first = await bundle.store.put("model", text("same"), live);
      expect(await bundle.store.put("model", text("same"), live)).toEqual(first);
      expect(await bundle.store.head("model", live)).toEqual(first);
    });

    test("head, list and put say the same of an object", async () => {
      await using bundle = await open(setUp);
      const { store, abilities } = bundle;
      const put = await store.put("thing", text("abc"), live);
      expect(await store.head("thing", live)).toEqual(put);
      expect(await listed(store, "")).toEqual([put]);
      if (abilities.md5Etags) expect(put.etag).toBe(createHash("md5").update("abc").digest("hex"));
      else expect(put.etag).not.toMatch(/^[0-9a-f]{32}$/);
    });

    test("a large file arrives whole, and again changes nothing", async () => {
      await using bundle = await open(setUp);
      const bytes = randomBytes(bundle.abilities.largeObjectBytes);
      const file = await bundle.file(bytes);
      const first = await bundle.store.put("large.bin", file, live);
      expect(first.sizeBytes).toBe(bytes.length);
      expect(digest(await content(bundle.store, "large.bin"))).toBe(digest(bytes));
      const tail = await content(bundle.store, "large.bin", bytes.length - 5);
      expect(tail.equals(bytes.subarray(-5))).toBe(true);
      expect(await bundle.store.put("large.bin", file, live)).toEqual(first);
    });

    test("a put that is aborted leaves nothing to see", async () => {
      await using bundle = await open(setUp);
      const file = await bundle.file(randomBytes(bundle.abilities.largeObjectBytes));
      const stop = new AbortController();
      const put = bundle.store.put("large.bin", file, stop.signal);
      setImmediate(() => stop.abort(new Error("stop now")));
      await expect(put).rejects.toThrow("stop now");
      expect(await bundle.store.head("large.bin", live)).toBeUndefined();
      expect(await listed(bundle.store, "")).toEqual([]);
    });

    test("however often a large put is cut off, the next one goes on, and one clean-up leaves only the object", async () => {
      await using bundle = await open(setUp);
      const bytes = randomBytes(bundle.abilities.largeObjectBytes);
      const file = await bundle.file(bytes);
      for (const afterMs of [1, 5, 20, 60, 150]) {
        const store = await bundle.openAgain();
        if (continuesPuts(store)) store.continueUnfinished("run/");
        await store.put("run/large.bin", file, AbortSignal.timeout(afterMs)).catch(() => undefined);
        await store.close();
      }
      const { store } = bundle;
      if (continuesPuts(store)) store.continueUnfinished("run/");
      const put = await store.put("run/large.bin", file, live);
      if (keepsRemains(store)) await store.discardUnfinished("run/", live);
      expect(digest(await content(store, "run/large.bin"))).toBe(digest(bytes));
      const objects = await listed(store, "");
      expect(objects.map(({ key, sizeBytes }) => [key, sizeBytes])).toEqual([["run/large.bin", put.sizeBytes]]);
      expect((await bundle.unfinished()) ?? 0).toBe(0);
    });

    test("a put that a listing spares a look is right all the same", async () => {
      await using bundle = await open(setUp);
      const { store } = bundle;
      const first = await store.put("model", text("first"), live, null);
      expect(await store.put("model", text("first"), live, first)).toEqual(first);
      const second = await store.put("model", text("other"), live, first);
      expect(await store.head("model", live)).toEqual(second);
      expect((await content(store, "model")).toString()).toBe("other");
    });

    test("a file that is not as long as promised is refused", async () => {
      await using bundle = await open(setUp);
      const file = await bundle.file(Buffer.from("four"));
      const put = bundle.store.put("short", { ...file, sizeBytes: 400 }, live);
      await expect(put).rejects.toMatchObject({ name: "RemoteError", reason: "invalid", retryable: false });
      expect(await bundle.store.head("short", live)).toBeUndefined();
    });

    test("of several puts of one key at once one wins whole", async () => {
      await using bundle = await open(setUp);
      const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(1000 + i));
      await Promise.all(contents.map(async (each) => bundle.store.put("contested", text(each), live)));
      expect(contents).toContain((await content(bundle.store, "contested")).toString());
    });

    test("two stores on one bucket see the same objects", async () => {
      await using bundle = await open(setUp);
      await bundle.store.put("shared", text("seen"), live);
      const other = await bundle.openAgain();
      expect((await content(other, "shared")).toString()).toBe("seen");
      await other.close();
    });

    test("an object that is not there has no head, and reading it says so", async () => {
      await using bundle = await open(setUp);
      expect(await bundle.store.head("nothing/here", live)).toBeUndefined();
      const error = await failure(bundle.store.read("nothing/here", 0, live));
      expect(error).toMatchObject({
        name: "RemoteError",
        reason: "object_missing",
        retryable: false,
        notFound: true,
      });
      expect(error.message).toContain("nothing/here");
    });

    test("a bucket that is not there is named by every method", async () => {
      await using bundle = await open(setUp);
      const missing = await bundle.openMissing();
      const calls = [
        async () => listed(missing, ""),
        async () => missing.read("key", 0, live),
        async () => missing.put("key", text("x"), live),
        async () => missing.put("key", await bundle.file(randomBytes(bundle.abilities.largeObjectBytes)), live),
      ];
      for (const call of calls) {
        const error = await failure(call());
        expect(error).toMatchObject({ name: "RemoteError", reason: "bucket_missing", retryable: false });
      }
      await missing.close();
    });

    test("an aborted signal stops every method with its reason", async () => {
      await using bundle = await open(setUp);
      await bundle.store.put("key", text("x"), live);
      const stopped = AbortSignal.abort(new Error("stopped before"));
      const calls = [
        async () => listed(bundle.store, "", undefined, stopped),
        async () => bundle.store.read("key", 0, stopped),
        async () => bundle.store.head("key", stopped),
        async () => bundle.store.put("key2", text("x"), stopped),
      ];
      for (const call of calls) expect((await failure(call())).message).toBe("stopped before");
    });

    test("an abort ends a stream that is being read, and one that nobody reads yet", async () => {
      await using bundle = await open(setUp);
      await bundle.store.put("large.bin", await bundle.file(randomBytes(bundle.abilities.largeObjectBytes)), live);
      for (const mayRead of [true, false]) {
        const stop = new AbortController();
        const stream = await bundle.store.read("large.bin", 0, stop.signal);
        if (mayRead) await once(stream, "readable");
        stop.abort(new Error("stop now"));
        await new Promise(setImmediate);
        expect((await failure(buffer(stream))).message).toBe("stop now");
      }
    });

    test("a reader can stop in the middle", async () => {
      await using bundle = await open(setUp);
      await bundle.store.put("large.bin", await bundle.file(randomBytes(bundle.abilities.largeObjectBytes)), live);
      const stream = await bundle.store.read("large.bin", 0, live);
      for await (const piece of stream) {
        expect((piece as Buffer).length).toBeGreaterThan(0);
        break;
      }
      expect(stream.destroyed).toBe(true);
    });
  });
}

const live = new AbortController().signal;

async function open(setUp: () => Promise<StoreUnderTest>) {
  const place = await setUp();
  const store = await place.open();
  const folder = await mkdtemp(join(tmpdir(), "trainyard-conformance-"));
  let files = 0;
  return {
    store,
    abilities: place.abilities,
    openAgain: async () => place.open(),
    openMissing: async () => place.openMissingBucket(),
    unfinished: async () => place.unfinished?.(),
    async file(bytes: Uint8Array): Promise<Extract<Content, { kind: "file" }>> {
      const path = join(folder, `file-${(files += 1)}`);
      await writeFile(path, bytes);
      return { kind: "file", path, sizeBytes: bytes.byteLength };
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(folder, { recursive: true });
      await place[Symbol.asyncDispose]();
    },
  };
}

/** 1,024 bytes, the most that an object store takes. */
function longKey(maxPartBytes: number): string {
  const key = `${"p".repeat(Math.min(maxPartBytes, 1024))}/`.repeat(1024).slice(0, 1024);
  return key.endsWith("/") ? `${key.slice(0, -1)}e` : key;
}

async function putAll(store: DataStore, keys: readonly string[]): Promise<void> {
  for (let i = 0; i < keys.length; i += 16) {
    await Promise.all(keys.slice(i, i + 16).map(async (key) => store.put(key, text(key), live)));
  }
}

async function listed(store: DataStore, prefix: string, after?: string, signal = live): Promise<StoredObject[]> {
  return collect(store.list(prefix, signal, after));
}

async function content(store: DataStore, key: string, offset = 0): Promise<Buffer> {
  return buffer(await store.read(key, offset, live));
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
