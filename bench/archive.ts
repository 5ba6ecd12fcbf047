import { spawnSync } from "node:child_process";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { extractArchive } from "../src/archive/extract-archive.ts";
import { packDirectory } from "../src/archive/pack-archive.ts";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { cpuMsWithChildren, firstLine } from "./machine.ts";
import { atLeast, type Report } from "./report.ts";
import { makeTemporaryFolder } from "./service.ts";
import { ratioOf } from "./statistics.ts";

const PAIRS = { usual: 12, full: 40 };

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

/**
 * Unpacks good archives with `extractArchive` and with Info-ZIP's `unzip -q`. Ours includes every check; theirs
 * includes the start of a process, which is what using it from a service costs.
 */
export const archive: Benchmark = {
  name: "archive",
  goal: "S1: unpacking good archives, beside Info-ZIP",
  measure: async (report, { full }) => {
    const unzip = firstLine("unzip", ["-v"]);
    if (unzip === "not here") return report.leftOut("everything", "unzip is not installed (Debian: unzip)");
    report.fact("unzip", unzip);
    await using folder = await makeTemporaryFolder("archive");
    for (const workload of WORKLOADS) {
      await measure(report, workload, join(folder.path, String(workload.files)), full ? PAIRS.full : PAIRS.usual);
    }
  },
};

async function measure(report: Report, workload: Workload, folder: string, pairs: number): Promise<void> {
  const zip = join(folder, "model.zip");
  await makeSource(workload, join(folder, "source"));
  await packDirectory(join(folder, "source"), zip);
  report.fact(`${workload.name}, zipped`, `${(await stat(zip)).size} bytes`);
  const ours = unpacking("trainyard", folder, async (target) => void (await extractArchive(zip, target)));
  const theirs = unpacking("unzip", folder, async (target) => {
    const { status } = spawnSync("unzip", ["-q", zip, "-d", target]);
    if (status !== 0) throw new Error(`unzip ended with ${status}.`);
  });
  const [ourSamples = [], theirSamples = []] = await interleave(pairs, [ours, theirs]);
  const [ourMs, theirMs] = [pluck(ourSamples, "wallMs"), pluck(theirSamples, "wallMs")];
  report.samples(`${workload.name}, trainyard`, "ms", ourMs);
  report.samples(`${workload.name}, trainyard, CPU`, "ms", pluck(ourSamples, "cpuMs"));
  report.samples(`${workload.name}, unzip`, "ms", theirMs);
  report.samples(`${workload.name}, unzip, CPU`, "ms", pluck(theirSamples, "cpuMs"));
  report.estimate(`${workload.name}: as fast as unzip`, " x", ratioOf(theirMs, ourMs), atLeast(1));
}

function unpacking(name: string, folder: string, unpack: (target: string) => Promise<void>): Side {
  return {
    name,
    sample: async (pair) => {
      // A folder of its own for each: ext4 is slow to reuse what was deleted a moment ago.
      const target = join(folder, `${name}-${pair}`);
      await mkdir(target);
      const [cpuBefore, startMs] = [cpuMsWithChildren("self"), performance.now()];
      await unpack(target);
      const wallMs = performance.now() - startMs;
      const cpuMs = cpuMsWithChildren("self") - cpuBefore;
      if ((await readdir(target)).length === 0) throw new Error(`${name} has unpacked nothing.`);
      return { wallMs, cpuMs };
    },
  };
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
