import { spawnSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { AddressGuard } from "../src/datastores/address-guard.ts";
import { DEFAULT_RETRY_POLICY, Retrier, withRetry } from "../src/datastores/retry.ts";
import { openS3Store } from "../src/datastores/s3/s3-store.ts";
import { DEFAULT_TRANSFER_LIMITS, TransferBudget } from "../src/datastores/transfer-budget.ts";
import { identifyBucket } from "../src/staging/cache-names.ts";
import { DataStaging } from "../src/staging/data-staging.ts";
import type { MemoryServer } from "./memory-server.ts";
import { atLeast, atMost, type Report } from "./report.ts";
import { median } from "./statistics.ts";

const RUNS = 100;
const live = new AbortController().signal;

interface Stored {
  readonly name: string;
  readonly bucket: string;
  readonly objects: number;
}

/**
 * P5b: the same bucket for a hundred runs, one after the other, through what a run's start goes through: the first one
 * brings it, the others list it. All of them hold it to the end, as runs that work would.
 */
export async function measureCache(report: Report, server: MemoryServer, shape: Stored, folder: string): Promise<void> {
  const home = join(folder, "home");
  await mkdir(home);
  const staging = new DataStaging({
    home,
    clock: systemClock,
    budget: new TransferBudget(DEFAULT_TRANSFER_LIMITS, systemClock),
    maxBytes: null,
    onTrouble: (error) => report.leftOut(shape.name, String(error)),
  });
  await staging.open([]);
  report.fact("view", (await staging.view()).view.name);
  await server.counts();
  const stages: number[] = [];
  let oneCopy = 0;
  const asked = { list: 0, others: 0 };
  for (let run = 0; run < RUNS; run += 1) {
    stages.push(await stage(staging, server, shape, placeOf(home, run), String(run)));
    const { list, get, range, head, other } = await server.counts();
    if (run === 0) {
      oneCopy = blocksOf(join(home, "cache"));
      report.fact(`${shape.name}, cold, requests`, `${list} LIST + ${get + range} GET + ${head + other} others`);
      continue;
    }
    asked.list = Math.max(asked.list, list);
    asked.others += get + range + head + other;
  }
  const [cold = Number.NaN, ...warm] = stages;
  report.figure(`${shape.name}, cold`, " ms", cold);
  report.samples(`${shape.name}, warm`, "ms", warm);
  report.figure(`${shape.name}, cold through warm`, " x", cold / median(warm), atLeast(50));
  report.figure(`${shape.name}, warm, listings at most`, "", asked.list, atMost(Math.ceil(shape.objects / 1000)));
  report.figure(`${shape.name}, warm, other requests of ${RUNS - 1} runs`, "", asked.others, atMost(0));
  report.figure(`${shape.name}, disk of ${RUNS} runs by that of one`, " x", blocksOf(home) / oneCopy, atMost(1.05));
  for (let run = 0; run < RUNS; run += 1) await staging.release(String(run), placeOf(home, run));
  await rm(home, { recursive: true });
}

async function stage(
  staging: DataStaging,
  { place }: MemoryServer,
  { bucket, objects }: Stored,
  at: ReturnType<typeof placeOf>,
  holder: string,
): Promise<number> {
  const startMs = performance.now();
  const retrier = new Retrier(DEFAULT_RETRY_POLICY, systemClock);
  const guard = new AddressGuard({ allowPrivate: true, allow: [] });
  const { endpoint: endpointUrl, ...keys } = place;
  const connection = { type: "s3", endpointUrl, region: null } as const;
  const store = withRetry(openS3Store({ connection: { ...connection, ...keys }, bucket, guard, retrier }), retrier);
  const selection = { prefix: "", include: [], exclude: [] };
  const wanted = { store, identity: identifyBucket(connection, bucket, null), selection, notData: null };
  const came = await staging.stage(holder, wanted, at, live);
  const tookMs = performance.now() - startMs;
  if (came.objects !== objects) throw new Error(`${came.objects} of ${objects} objects came.`);
  await store.close();
  return tookMs;
}

function placeOf(home: string, run: number) {
  const directory = join(home, "runs", String(run));
  return { data: join(directory, "data"), changes: join(directory, "data.changes") };
}

/** Of 512 bytes, each file once however many names it has, and nothing of what is mounted. */
function blocksOf(folder: string): number {
  const { stdout } = spawnSync("du", ["-sx", "-B512", folder], { encoding: "utf8" });
  return Number.parseInt(stdout, 10);
}
