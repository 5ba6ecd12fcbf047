import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Benchmark } from "./harness.ts";
import { cpuMsAlone, residentMb } from "./machine.ts";
import { atMost } from "./report.ts";
import {
  makeTemporaryFolder,
  makeZip,
  shellManifest,
  smallEnvironment,
  startService,
  type Service,
} from "./service.ts";
import { quantile } from "./statistics.ts";

const WRITER = join(import.meta.dirname, "log-writer.mjs");
const FOLLOWERS = join(import.meta.dirname, "log-followers.mjs");
const FOLLOWER_COUNT = 100;
const LINES_A_SECOND = 1000;
const SECONDS = { usual: 8, full: 60 };

/** P6a: from the program's write until a client has the line, with a hundred of them, beside one `tail -F` on the same file. */
export const logLatency: Benchmark = {
  name: "log-latency",
  goal: "P6a: 100 followers, 1,000 lines a second, p99 <= 2 x tail -F + 20 ms",
  measure: async (report, { full }) => {
    const lines = LINES_A_SECOND * (full ? SECONDS.full : SECONDS.usual);
    await using folder = await makeTemporaryFolder("latency");
    const home = join(folder.path, "home");
    await mkdir(home);
    await using service = await startService(home);
    report.fact("followers", FOLLOWER_COUNT);
    report.fact("lines", lines);
    const { id, log } = await startWriter(service, lines);
    const cpuBefore = cpuMsAlone(service.pid);
    const beginMs = performance.now();
    const [ours, theirs] = await Promise.all([follow(service, id), tail(log, lines)]);
    const seconds = (performance.now() - beginMs) / 1000;
    report.samples("tail -F", "ms", theirs);
    report.samples(`${FOLLOWER_COUNT} followers`, "ms", sampleOf(ours));
    report.figure("lines that arrived, of all followers", "", ours.length / FOLLOWER_COUNT);
    report.figure("server's CPU while it serves them", " %", (cpuMsAlone(service.pid) - cpuBefore) / seconds / 10);
    report.figure("server's memory", " MB", residentMb(service.pid));
    report.figure("p99 of tail -F", " ms", quantile(theirs, 0.99));
    report.figure("p99 of the followers", " ms", quantile(ours, 0.99), atMost(2 * quantile(theirs, 0.99) + 20));
  },
};

async function startWriter(service: Service, lines: number): Promise<{ readonly id: string; readonly log: string }> {
  const zip = await makeZip({ "log-writer.mjs": await readFile(WRITER, "utf8") });
  // The followers are all there before the first line.
  const command = `sleep 3; ${process.execPath} log-writer.mjs ${lines} ${LINES_A_SECOND}`;
  const { id } = await service.submit(zip, shellManifest(command));
  return { id, log: join(service.home, "runs", id, "learner-1", "training-log.txt") };
}

/** How late every line came to every follower, in ms. */
async function follow(service: Service, id: string): Promise<readonly number[]> {
  const args = [FOLLOWERS, `${service.url}/api/v1/runs/${id}/logs`, service.token, String(FOLLOWER_COUNT)];
  const child = spawn(process.execPath, args, { env: smallEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(child, "close");
  return JSON.parse(Buffer.concat(chunks).toString()) as number[];
}

async function tail(path: string, lines: number): Promise<readonly number[]> {
  // It polls once a second where the file is not there yet, which would flatter us.
  while (!existsSync(path)) await delay(20);
  const child = spawn("tail", ["-n", "+1", "-F", path], { stdio: ["ignore", "pipe", "ignore"] });
  const late: number[] = [];
  let rest = "";
  for await (const text of child.stdout.setEncoding("utf8")) {
    const now = performance.timeOrigin + performance.now();
    const parts = (rest + (text as string)).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      const [, at] = /^@ (\d+\.\d+) /u.exec(line) ?? [];
      if (at !== undefined) late.push(now - Number(at));
    }
    if (late.length >= lines) break;
  }
  child.kill();
  return late;
}

/** As many as a report can hold, evenly taken. */
function sampleOf(values: readonly number[]): readonly number[] {
  const step = Math.max(1, Math.floor(values.length / 10_000));
  return values.filter((_, index) => index % step === 0);
}
