import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { extractArchive } from "../src/archive/extract-archive.ts";
import { packDirectory } from "../src/archive/pack-archive.ts";

const PAIRS = 12;
const RESAMPLES = 2000;

interface Workload {
  readonly name: string;
  readonly files: number;
  readonly fileBytes: number;
}

/** The page's two files, a large code base, and a definition that carries weights. */
const WORKLOADS: readonly Workload[] = [
  { name: "2 files of 6 kB", files: 2, fileBytes: 6_000 },
  { name: "2,000 files of 5 kB", files: 2_000, fileBytes: 5_000 },
  { name: "4 files of 25 MB", files: 4, fileBytes: 25_000_000 },
];

export interface ArchiveFigures {
  readonly workload: string;
  readonly oursMs: readonly number[];
  readonly unzipMs: readonly number[];
  /** Info-ZIP's time over ours: above 1 we are faster. Median of the pairs and its 95 % bootstrap interval. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
}

/**
 * Unpacks good archives with `extractArchive` and with Info-ZIP's `unzip -q`, alternately (A B B A). Ours includes
 * every check; theirs includes the start of a process, which is what using it from a service costs.
 */
export async function benchArchive(): Promise<readonly ArchiveFigures[]> {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-bench-archive-"));
  try {
    const figures: ArchiveFigures[] = [];
    for (const workload of WORKLOADS) figures.push(await measure(workload, join(folder, `${workload.files}`)));
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** For the head of a report: figures mean nothing without the machine. */
export function archiveBenchSetting(): Readonly<Record<string, string | number>> {
  const unzip = spawnSync("unzip", ["-v"], { encoding: "utf8" }).stdout.split("\n", 1)[0] ?? "no unzip";
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    node: process.version,
    unzip,
    pairs: PAIRS,
  };
}

async function measure(workload: Workload, folder: string): Promise<ArchiveFigures> {
  const source = join(folder, "source");
  await makeSource(workload, source);
  const zip = join(folder, "model.zip");
  await packDirectory(source, zip);
  const oursMs: number[] = [];
  const unzipMs: number[] = [];
  let runs = 0;
  // A folder of its own for each: ext4 is slow to reuse what was deleted a moment ago.
  const freshTarget = async (): Promise<string> => {
    runs += 1;
    const target = join(folder, `target-${runs}`);
    await mkdir(target);
    return target;
  };
  const ours = async (): Promise<number> => {
    const target = await freshTarget();
    const start = performance.now();
    await extractArchive(zip, target);
    return performance.now() - start;
  };
  const theirs = async (): Promise<number> => {
    const target = await freshTarget();
    const start = performance.now();
    const { status } = spawnSync("unzip", ["-q", zip, "-d", target]);
    const took = performance.now() - start;
    if (status !== 0 || (await readdir(target)).length === 0) throw new Error(`unzip ended with ${status}`);
    return took;
  };
  await ours();
  await theirs();
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const isOursFirst = pair % 2 === 0;
    if (isOursFirst) oursMs.push(await ours());
    unzipMs.push(await theirs());
    if (!isOursFirst) oursMs.push(await ours());
  }
  return { workload: workload.name, oursMs, unzipMs, ratio: ratioOf(unzipMs, oursMs) };
}

/** Text that shrinks about as well as code does, the same each time. */
async function makeSource(workload: Workload, folder: string): Promise<void> {
  let state = 42;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const words = Array.from({ length: 800 }, () => next(2 ** 31).toString(36));
  const block = Array.from({ length: 12_000 }, () => words[next(words.length)]).join(" ");
  for (let index = 0; index < workload.files; index += 1) {
    const inside = join(folder, `package-${index % 40}`);
    await mkdir(inside, { recursive: true });
    const start = next(block.length / 2);
    const text = block.slice(start).repeat(Math.ceil(workload.fileBytes / (block.length - start)));
    await writeFile(join(inside, `module-${index}.py`), text.slice(0, workload.fileBytes));
  }
}

function ratioOf(theirs: readonly number[], ours: readonly number[]): ArchiveFigures["ratio"] {
  const ratios = theirs.map((ms, pair) => ms / (ours[pair] ?? Number.NaN));
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[Math.floor(Math.random() * ratios.length)] ?? Number.NaN)),
  ).sort((a, b) => a - b);
  const at = (share: number): number => medians[Math.floor(share * (RESAMPLES - 1))] ?? Number.NaN;
  return { median: median(ratios), low: at(0.025), high: at(0.975) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
