import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { systemClock } from "../base/clock.ts";
import { createDataStores } from "./open-store.ts";

const live = new AbortController().signal;

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-stores-"));
  await mkdir(join(folder, "allowed"));
  return {
    folder,
    stores: createDataStores({
      embeddedRoot: join(folder, "home/buckets"),
      allowedRoots: [join(folder, "allowed")],
      network: { allowPrivate: false, allow: [] },
      clock: systemClock,
      retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 },
    }),
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true }),
  };
}

const embedded = { type: "directory", root: null } as const;
const s3 = { type: "s3", endpointUrl: "https://s3.example.org", region: null } as const;

test("the embedded store makes a bucket for results and misses one for data", async () => {
  await using bundle = await setUp();
  const results = await bundle.stores.open(embedded, "results", null, "results");
  await results.put("model", { kind: "bytes", bytes: Buffer.from("weights") }, live);
  expect(await readFile(join(bundle.folder, "home/buckets/results/model"), "utf8")).toBe("weights");
  const data = await bundle.stores.open(embedded, "data", null, "data");
  expect(data.label).toBe("bucket 'data' of the embedded store");
  await expect(data.read("x", 0, live)).rejects.toMatchObject({ reason: "bucket_missing" });
});

test("only roots that the operator opened are opened", async () => {
  await using bundle = await setUp();
  const { stores, folder } = bundle;
  for (const root of [join(folder, "allowed"), join(folder, "allowed/"), join(folder, "x/../allowed")]) {
    expect(() => stores.check({ type: "directory", root }, "mnist")).not.toThrow();
  }
  for (const root of [folder, join(folder, "allowed/deeper"), join(folder, "allowed/.."), "/", "allowed", ""]) {
    const connection = { type: "directory", root } as const;
    expect(() => stores.check(connection, "mnist")).toThrow(
      expect.objectContaining({ code: "directory_root_not_allowed" }),
    );
    await expect(stores.open(connection, "mnist", null, "data")).rejects.toThrow("not among the roots");
  }
});

test("an allowed root is opened, and need not be there yet to be allowed", async () => {
  await using bundle = await setUp();
  const connection = { type: "directory", root: join(bundle.folder, "allowed") } as const;
  const store = await bundle.stores.open(connection, "mnist", null, "results");
  await store.put("a", { kind: "bytes", bytes: Buffer.from("x") }, live);
  expect(await readFile(join(bundle.folder, "allowed/mnist/a"), "utf8")).toBe("x");
  await rm(join(bundle.folder, "allowed"), { recursive: true });
  await expect(store.read("a", 0, live)).rejects.toMatchObject({ reason: "bucket_missing" });
});

test("a bucket name that is no folder name is refused at once", async () => {
  await using bundle = await setUp();
  for (const bucket of ["", "..", "a/b", "."]) {
    expect(() => bundle.stores.check(embedded, bucket)).toThrow(expect.objectContaining({ code: "request_invalid" }));
  }
});

test("a refused endpoint is refused at submission and again when it is opened", async () => {
  await using bundle = await setUp();
  const connection = { ...s3, endpointUrl: "http://169.254.169.254" };
  expect(() => bundle.stores.check(connection)).toThrow(expect.objectContaining({ code: "endpoint_not_allowed" }));
  await expect(bundle.stores.open(connection, "bucket", null, "data")).rejects.toThrow("169.254.169.254");
});

test("a Swift store is opened by its login's address, and not without a user or under a name it cannot have", async () => {
  await using bundle = await setUp();
  const swift = {
    type: "swift",
    authUrl: "https://identity.example.org",
    region: "dallas",
    domainName: "1234567",
    projectId: "p",
  } as const;
  const user = { type: "swift", userName: "ann", password: "secret" } as const;
  await expect(bundle.stores.open(swift, "c", null, "data")).rejects.toMatchObject({ reason: "denied" });
  for (const bucket of ["", "a/b", "é".repeat(129)]) {
    expect(() => bundle.stores.check(swift, bucket)).toThrow(expect.objectContaining({ code: "request_invalid" }));
  }
  const metadata = { ...swift, authUrl: "http://169.254.169.254/v3" };
  expect(() => bundle.stores.check(metadata)).toThrow(expect.objectContaining({ code: "endpoint_not_allowed" }));
  const store = await bundle.stores.open(swift, "rough-fog.20170614.75:25", user, "data");
  expect(store.label).toBe("bucket 'rough-fog.20170614.75:25' in region 'dallas' at https://identity.example.org");
  await store.close();
});

test("an S3 store without keys, or with a name that leads elsewhere, is not opened", async () => {
  await using bundle = await setUp();
  const keys = { type: "s3", accessKeyId: "id", secretAccessKey: "secret" } as const;
  await expect(bundle.stores.open(s3, "bucket", null, "data")).rejects.toMatchObject({ reason: "denied" });
  for (const bucket of ["", "ab", "a/b", "../x", "a?b", "arn:aws:s3:us-east-1:123456789012:accesspoint/x", "a b c"]) {
    expect(() => bundle.stores.check(s3, bucket)).toThrow(expect.objectContaining({ code: "request_invalid" }));
    await expect(bundle.stores.open(s3, bucket, keys, "data")).rejects.toMatchObject({ code: "request_invalid" });
  }
  const store = await bundle.stores.open(s3, "bucket", keys, "data");
  expect(store.label).toBe("bucket 'bucket' at https://s3.example.org");
  await store.close();
});

test("the libraries of S3 and Swift are loaded only with a store of theirs", async () => {
  const url = new URL("./open-store.ts", import.meta.url).href;
  const program = `
    import { registerHooks } from "node:module";
    let seen = 0;
    registerHooks({ resolve(name, context, next) { if (/aws|smithy|undici/.test(name)) seen += 1; return next(name, context); } });
    const { createDataStores } = await import(${JSON.stringify(url)});
    const stores = createDataStores({ embeddedRoot: "/tmp/none", allowedRoots: [], clock: {}, retry: {},
      network: { allowPrivate: true, allow: [] } });
    stores.check({ type: "s3", endpointUrl: "https://s3.example.org", region: null }, "bucket");
    stores.check({ type: "swift", authUrl: "https://s.example.org", region: null, domainName: null, projectId: null }, "c");
    console.log(seen);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  expect(stdout.trim()).toBe("0");
});

test("a try that failed and is repeated is told to whoever opened the store", async () => {
  const told: string[] = [];
  const stores = createDataStores({
    embeddedRoot: "unused",
    allowedRoots: [],
    network: { allowPrivate: true, allow: [] },
    clock: systemClock,
    retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 },
  });
  const nowhere = { ...s3, endpointUrl: "http://127.0.0.1:1" };
  const key = { type: "s3", accessKeyId: "id", secretAccessKey: "secret" } as const;
  const store = await stores.open(nowhere, "mnist", key, "data", ({ reason }) => told.push(reason));
  await expect(store.read("x", 0, live)).rejects.toMatchObject({ reason: "unreachable" });
  expect(told).toEqual(["unreachable"]);
});
