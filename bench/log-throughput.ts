import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { type Benchmark, interleave, pluck, type Side } from "./harness.ts";
import { residentMb } from "./machine.ts";
import { atLeast, atMost } from "./report.ts";
import { makeTemporaryFolder, makeZip, shellManifest, startService, type Service } from "./service.ts";
import { ratioOf } from "./statistics.ts";

const LINES = { usual: 10_000_000, full: 60_000_000 };
const PAIRS = { usual: 3, full: 12 };

/** P6b: how fast a program writes its log as a run, beside `tee` to a file; and what a follower that stops reading costs. */
export const logThroughput: Benchmark = {
  name: "log-throughput",
  goal: "P6b: >= 0.5 x tee; a follower that stops reading slows the run <= 1 %; server <= 64 MB more for any log",
  measure: async (report, { full }) => {
    const lines = full ? LINES.full : LINES.usual;
    await using folder = await makeTemporaryFolder("throughput");
    const home = join(folder.path, "home");
    await mkdir(home);
    await writeFile(join(home, "trainyard.yaml"), "logs: {max_bytes: unlimited}\n");
    await using service = await startService(home);
    const zip = await makeZip({ "nothing.txt": "The command needs no file.\n" });
    const before = residentMb(service.pid);
    let most = before;
    const run = async (isFollowed: boolean) => {
      const took = join(folder.path, "took");
      const { id } = await service.submit(zip, shellManifest(`sleep 0.5; ${timed(`seq ${lines}`, took)}`));
      const stop = isFollowed ? stopReading(service, id) : () => {};
      const watch = setInterval(() => (most = Math.max(most, residentMb(service.pid))), 50);
      await service.waitForEnd(id);
      clearInterval(watch);
      stop();
      return { ms: Number(await readFile(took, "utf8")) };
    };
    const tee: Side = {
      name: "tee",
      sample: async () => {
        const took = join(folder.path, "took");
        const command = timed(`seq ${lines} | tee ${join(folder.path, "tee.log")} > /dev/null`, took);
        await once(spawn("bash", ["-c", command], { stdio: "ignore" }), "close");
        return { ms: Number(await readFile(took, "utf8")) };
      },
    };
    const [teeMs = [], ours = [], followed = []] = await interleave(full ? PAIRS.full : PAIRS.usual, [
      tee,
      { name: "run", sample: async () => run(false) },
      { name: "run with a follower that does not read", sample: async () => run(true) },
    ]);
    report.fact("lines", lines);
    report.samples("tee", "ms", pluck(teeMs, "ms"));
    report.samples("run", "ms", pluck(ours, "ms"));
    report.samples("run with a follower that stops reading", "ms", pluck(followed, "ms"));
    report.estimate(
      "throughput: times that of tee",
      " x",
      ratioOf(pluck(teeMs, "ms"), pluck(ours, "ms")),
      atLeast(0.5),
    );
    report.estimate(
      "with the follower: times as long",
      " x",
      ratioOf(pluck(followed, "ms"), pluck(ours, "ms")),
      atMost(1.01),
    );
    report.figure("server's memory at rest", " MB", before);
    report.figure("server's memory at most, more than at rest", " MB", most - before, atMost(64));
  },
};

/** The command, and how many milliseconds it took in a file. */
function timed(command: string, file: string): string {
  return `a=$(date +%s%N); ${command}; b=$(date +%s%N); echo $(((b - a) / 1000000)) > ${file}`;
}

/** Begins to follow and takes nothing in. */
function stopReading(service: Service, id: string): () => void {
  const sent = request(`${service.url}/api/v1/runs/${id}/logs`, {
    headers: { authorization: `Bearer ${service.token}` },
  });
  sent.on("response", (answer) => answer.pause());
  sent.on("error", () => {});
  sent.end();
  return () => void sent.destroy();
}
