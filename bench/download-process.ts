// Brings a bucket into a folder, as a run's start does, in a process of its own: `ENDPOINT BUCKET FOLDER [REQUESTS]`.
// With `BENCH_SWIFT`, a connection in JSON, it is a container of Swift.
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { AddressGuard } from "../src/datastores/address-guard.ts";
import { downloadObjects, type Wanted } from "../src/datastores/download-objects.ts";
import { keyToPath } from "../src/datastores/key-path.ts";
import { DEFAULT_RETRY_POLICY, Retrier, withRetry } from "../src/datastores/retry.ts";
import type { SwiftConnection } from "../src/datastores/swift/swift-login.ts";
import { DEFAULT_TRANSFER_LIMITS, TransferBudget } from "../src/datastores/transfer-budget.ts";

const [endpointUrl = "", bucket = "", folder = "", requests] = process.argv.slice(2);
const { AWS_ACCESS_KEY_ID = "bench", AWS_SECRET_ACCESS_KEY = "bench", BENCH_SWIFT = "" } = process.env;
const signal = new AbortController().signal;
const retrier = new Retrier(DEFAULT_RETRY_POLICY, systemClock);
const connection = {
  endpointUrl,
  region: null,
  accessKeyId: AWS_ACCESS_KEY_ID,
  secretAccessKey: AWS_SECRET_ACCESS_KEY,
};
const guard = new AddressGuard({ allowPrivate: true, allow: [] });
const store = withRetry(await openStore(), retrier);
const limits =
  requests === undefined
    ? DEFAULT_TRANSFER_LIMITS
    : { requests: Number(requests), requestsPerStore: Number(requests), bytesPerSecond: null };

/** Only what is needed is loaded, as in the server. */
async function openStore() {
  if (BENCH_SWIFT !== "") {
    const { openSwiftStore } = await import("../src/datastores/swift/swift-store.ts");
    const swift = JSON.parse(BENCH_SWIFT) as SwiftConnection;
    return openSwiftStore({ connection: swift, bucket, guard, retrier });
  }
  const { openS3Store } = await import("../src/datastores/s3/s3-store.ts");
  return openS3Store({ connection, bucket, guard, retrier });
}

async function* wanted(aborted: AbortSignal): AsyncGenerator<Wanted> {
  const made = new Set<string>();
  for await (const object of store.list("", aborted)) {
    const target = keyToPath(object.key);
    if (target.kind !== "file") continue;
    const path = join(folder, target.path);
    const parent = dirname(path);
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    yield { object, path };
  }
}

const startMs = performance.now();
let arrived = 0;
const budget = new TransferBudget(limits, systemClock);
for await (const outcome of downloadObjects(store, wanted, { budget, signal })) {
  if (outcome.kind !== "arrived") throw new Error(`'${outcome.wanted.object.key}' is ${outcome.kind}.`);
  arrived += 1;
}
await store.close();
process.stdout.write(`${arrived} objects in ${performance.now() - startMs} ms\n`);
