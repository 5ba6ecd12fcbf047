import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { connectS3, makeBuckets } from "../test/servers/s3-client.ts";
import { startRadosgw } from "../test/servers/radosgw.ts";
import { RawSwift } from "../test/servers/raw-swift.ts";
import { startSwiftKeystone } from "../test/servers/swift-keystone.ts";
import { systemClock } from "../src/base/clock.ts";
import { AddressGuard } from "../src/datastores/address-guard.ts";
import type { DataStore } from "../src/datastores/datastore.ts";
import { DEFAULT_RETRY_POLICY, Retrier } from "../src/datastores/retry.ts";
import { openS3Store } from "../src/datastores/s3/s3-store.ts";
import { openSwiftStore } from "../src/datastores/swift/swift-store.ts";
import { isAvailable } from "../tools/requirements.ts";
import type { Downloader, S3Place } from "./peers/s3-tools.ts";
import { swiftClient, trainyardFromSwift } from "./peers/swift-tools.ts";
import type { Report } from "./report.ts";

/** A bucket of a real server, and the programs that can bring it. */
export interface RealBucket extends AsyncDisposable {
  readonly name: string;
  readonly place: S3Place;
  readonly downloaders: readonly Downloader[];
}

const live = new AbortController().signal;
const parts = {
  guard: new AddressGuard({ allowPrivate: true, allow: [] }),
  retrier: new Retrier(DEFAULT_RETRY_POLICY, systemClock),
};
const BUCKET = "bench";
const PUTS_AT_ONCE = 8;

/** radosgw with objects in it; undefined where it is not installed. */
export async function startRealS3(
  report: Report,
  objects: number,
  objectBytes: number,
  downloaders: readonly Downloader[],
): Promise<RealBucket | undefined> {
  if (!isAvailable("s3")) {
    report.leftOut("radosgw", "it is not installed");
    return undefined;
  }
  const server = await startRadosgw();
  const client = connectS3(server);
  await makeBuckets(client, BUCKET);
  client.destroy();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const connection = { endpointUrl: endpoint, region, accessKeyId, secretAccessKey };
  await fill(openS3Store({ connection, bucket: BUCKET, ...parts }), objects, objectBytes);
  const place = { endpoint, bucket: BUCKET, accessKeyId, secretAccessKey };
  return { name: "radosgw", place, downloaders, [Symbol.asyncDispose]: async () => server.stop() };
}

/** Swift behind Keystone with objects in it; undefined where it is not installed. */
export async function startRealSwift(
  report: Report,
  objects: number,
  objectBytes: number,
  program: string,
): Promise<RealBucket | undefined> {
  if (!isAvailable("swift")) {
    report.leftOut("Swift", "it is not installed");
    return undefined;
  }
  const server = await startSwiftKeystone();
  const bucket = await (await RawSwift.login(server)).makeContainer();
  const { userName, password, authUrl, region, domainName, projectId } = server;
  const connection = { userName, password, authUrl, region, domainName, projectId };
  await fill(openSwiftStore({ connection, bucket, ...parts }), objects, objectBytes);
  return {
    name: "Swift",
    place: { endpoint: authUrl, bucket, accessKeyId: "", secretAccessKey: "" },
    downloaders: [trainyardFromSwift(program, connection), swiftClient(connection)],
    [Symbol.asyncDispose]: async () => server.stop(),
  };
}

async function fill(store: DataStore, objects: number, objectBytes: number): Promise<void> {
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < objects) {
      const key = join("train", String(next % 10), `${next}.bin`);
      next += 1;
      await store.put(key, { kind: "bytes", bytes: randomBytes(objectBytes) }, live, null);
    }
  };
  await Promise.all(Array.from({ length: PUTS_AT_ONCE }, line));
  await store.close();
}
