import { readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileDownloadProcess } from "./compiled-product.ts";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { answersPerSecond, type MemoryServer, startMemoryServer } from "./memory-server.ts";
import { awsSync, type Cost, type Downloader, measureDownload, rclone, s3cmd, trainyard } from "./peers/s3-tools.ts";
import { startRealS3, startRealSwift, type RealBucket } from "./real-stores.ts";
import { atLeast, atMost, type Report } from "./report.ts";
import { makeTemporaryFolder } from "./service.ts";
import { measureCache } from "./staging-cache.ts";
import { growthExponent, median, ratioOf } from "./statistics.ts";

const PAIRS = { usual: 3, full: 8 };

/** A server with what is asked of it, where it counts that. */
type CountingServer = Pick<MemoryServer, "place" | "counts">;

interface Shape {
  readonly name: string;
  readonly objects: number;
  readonly objectBytes: number;
}

type Named = Shape & { readonly bucket: string };

/** Those of the goal, and smaller ones of the same kinds. */
const SHAPES: Readonly<Record<"usual" | "full", readonly Shape[]>> = {
  usual: [
    { name: "1 x 250 MB", objects: 1, objectBytes: 250_000_000 },
    { name: "10 x 25 MB", objects: 10, objectBytes: 25_000_000 },
    { name: "2k x 4 kB", objects: 2_000, objectBytes: 4_000 },
    { name: "5k x 100 B", objects: 5_000, objectBytes: 100 },
  ],
  full: [
    { name: "1 x 1 GB", objects: 1, objectBytes: 1_000_000_000 },
    { name: "10 x 100 MB", objects: 10, objectBytes: 100_000_000 },
    { name: "10k x 4 kB", objects: 10_000, objectBytes: 4_000 },
    { name: "100k x 100 B", objects: 100_000, objectBytes: 100 },
  ],
};

const GROWTH = { usual: [1_000, 4_000], full: [1_000, 10_000, 100_000] };

/** Of the bucket that is put into real servers, which take their time to be filled. */
const REAL = { usual: { objects: 300, objectBytes: 4_000 }, full: { objects: 3_000, objectBytes: 4_000 } };

/** Where there is memory for it, files go there: a disk is slower than all of these programs, and differently each time. */
const MEMORY_FOLDER = "/dev/shm";
const WORTH_USING_BYTES = 6e9;

/** Tools that take minutes for many objects are measured with no more than this. */
const PATIENCE_OBJECTS = { "s3cmd sync": 2_000, "aws s3 sync": 10_000 } as Readonly<Record<string, number>>;

/** A sample with what the server was asked for. */
interface Staged extends Cost {
  readonly listings: number;
  readonly gets: number;
  readonly others: number;
}

/**
 * P5a: an empty folder filled from a bucket, each time by a fresh process. The server answers from memory in a process
 * of its own, so that what is measured is the client; its log says what each of them asked for.
 */
export const staging: Benchmark = {
  name: "staging",
  goal: "P5a: cold staging, beside rclone, aws s3 sync, s3cmd and the swift client; P5b: the cache",
  measure: async (report, { full }) => {
    await using folder = await makeTemporaryFolder("staging", await placeForFiles(report));
    await using code = await makeTemporaryFolder("staging-code");
    const program = await compileDownloadProcess(code.path);
    const pairs = full ? PAIRS.full : PAIRS.usual;
    const shapes = full ? SHAPES.full : SHAPES.usual;
    const counts = full ? GROWTH.full : GROWTH.usual;
    const grown = counts.map((objects) => ({ name: `growth-${objects}`, objects, objectBytes: 100 }));
    const named = shapes.map((shape, index) => ({ ...shape, bucket: `shape-${index}` }));
    await using server = await startMemoryServer([
      ...named.map(({ bucket, objects, objectBytes }) => `${bucket}:${objects}:${objectBytes}`),
      ...grown.map(({ name, objects, objectBytes }) => `${name}:${objects}:${objectBytes}`),
    ]);
    await judgeServer(report, server, named);
    const downloaders = installed(report, program);
    for (const shape of named) {
      await compare(report, server, shape, downloaders, folder.path, pairs);
    }
    for (const shape of named.slice(-2)) await measureCache(report, server, shape, folder.path);
    const real = full ? REAL.full : REAL.usual;
    await compareReal(report, real, folder.path, pairs, async () =>
      startRealS3(report, real.objects, real.objectBytes, downloaders),
    );
    await compareReal(report, real, folder.path, pairs, async () =>
      startRealSwift(report, real.objects, real.objectBytes, program),
    );
    const points: { readonly n: number; readonly wallMs: number; readonly cpuMs: number }[] = [];
    for (const { name, objects } of grown) {
      const sample = await sampleOnce(trainyard(program), server, { bucket: name, objects }, folder.path, name);
      points.push({ n: objects, wallMs: sample.wallMs, cpuMs: sample.cpuMs });
      report.figure(`growth, ${objects} objects`, " ms", sample.wallMs);
      report.figure(`growth, ${objects} objects, memory at most`, " MB", sample.rssMb);
    }
    for (const figure of ["wallMs", "cpuMs"] as const) {
      const exponent = growthExponent(points.map((point) => ({ n: point.n, value: point[figure] })));
      report.figure(`growth of ${figure}, exponent`, "", exponent, atMost(1.1));
    }
  },
};

async function placeForFiles(report: Report): Promise<string> {
  const free = await statfs(MEMORY_FOLDER)
    .then(({ bavail, bsize }) => bavail * bsize)
    .catch(() => 0);
  const place = free >= WORTH_USING_BYTES ? MEMORY_FOLDER : tmpdir();
  report.fact("files go to", place);
  return place;
}

/** That it is the programs that are measured: what the server gives when nobody does anything with it. */
async function judgeServer(report: Report, server: MemoryServer, shapes: readonly Named[]): Promise<void> {
  for (const { name, bucket, objectBytes } of shapes) {
    const path = `/${bucket}/train/class-0/000000.bin`;
    const rate = await answersPerSecond(server.place.endpoint, path, objectBytes, 1000);
    const isSmall = objectBytes <= 4000;
    report.figure(`the server, ${name}`, isSmall ? " objects/s" : " MB/s", isSmall ? rate : (rate * objectBytes) / 1e6);
  }
}

async function compareReal(
  report: Report,
  shape: { readonly objects: number; readonly objectBytes: number },
  folder: string,
  pairs: number,
  start: () => Promise<RealBucket | undefined>,
): Promise<void> {
  await using bucket = await start();
  if (bucket === undefined) return;
  const name = `${bucket.name}, ${shape.objects} x ${shape.objectBytes / 1000} kB`;
  const { place, downloaders } = bucket;
  const server = { place, counts: async () => ({ list: 0, get: 0, range: 0, head: 0, other: 0, bytes: 0 }) };
  await compare(report, server, { ...shape, name, bucket: place.bucket }, downloaders, folder, pairs);
}

function installed(report: Report, program: string): readonly Downloader[] {
  return [trainyard(program), rclone(4), rclone(32), awsSync(), s3cmd()].filter(({ name, version }) => {
    if (version === "not here") report.leftOut(name, "it is not installed");
    else report.fact(name, version);
    return version !== "not here";
  });
}

async function compare(
  report: Report,
  server: CountingServer,
  shape: Named,
  all: readonly Downloader[],
  folder: string,
  pairs: number,
): Promise<void> {
  const downloaders = all.filter(({ name }) => shape.objects <= (PATIENCE_OBJECTS[name] ?? Number.POSITIVE_INFINITY));
  const sides = downloaders.map((downloader): Side<Staged> => ({
    name: downloader.name,
    sample: async (pair) => sampleOnce(downloader, server, shape, folder, `${shape.bucket}-${pair}`),
  }));
  const samples = await interleave(pairs, sides, 1);
  for (const [index, { name }] of downloaders.entries()) {
    const mine = samples[index] ?? [];
    report.samples(`${shape.name}, ${name}`, "ms", pluck(mine, "wallMs"));
    report.samples(`${shape.name}, ${name}, CPU`, "ms", pluck(mine, "cpuMs"));
    report.samples(`${shape.name}, ${name}, memory at most`, "MB", pluck(mine, "rssMb"));
    const { listings = 0, gets = 0, others = 0 } = mine[0] ?? {};
    if (gets > 0) report.fact(`${shape.name}, ${name}, requests`, `${listings} LIST + ${gets} GET + ${others} others`);
  }
  const warm = pluck(samples[0] ?? [], "warmMs");
  report.samples(`${shape.name}, trainyard, started before`, "ms", warm);
  const [ours = [], ...theirs] = samples.map((each) => pluck(each, "wallMs"));
  const medians = theirs.map((each) => median(each));
  const best = medians.indexOf(Math.min(...medians));
  if (best < 0) return;
  const name = `${shape.name}: as fast as the best of them (${downloaders[best + 1]?.name})`;
  report.estimate(name, " x", ratioOf(theirs[best] ?? [], ours), atLeast(1));
  report.estimate(`${name}, started before`, " x", ratioOf(theirs[best] ?? [], warm), atLeast(1));
}

async function sampleOnce(
  downloader: Downloader,
  server: CountingServer,
  { bucket, objects }: { readonly bucket: string; readonly objects: number },
  folder: string,
  name: string,
): Promise<Staged> {
  const target = join(folder, "target", `${name}-${downloader.name.replaceAll(" ", "-")}`);
  await server.counts();
  const cost = await measureDownload(downloader, { ...server.place, bucket }, target, folder);
  const { list, get, range, head, other } = await server.counts();
  const entries = await readdir(target, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).length;
  if (files !== objects) throw new Error(`${downloader.name} has brought ${files} of ${objects} objects.`);
  await rm(target, { recursive: true });
  return { ...cost, listings: list, gets: get + range, others: head + other };
}
