import { globSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { createClient } from "../../src/client/client.ts";
import type { RunView } from "../../src/contract/run.ts";
import { isAvailable } from "../../tools/requirements.ts";
import { directoryManifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

/** What `faketime` adds to the time; `+0` is the machine's own. */
const STEPS = ["+1s", "-1s", "+1h", "-1h", "+3650d", "-3650d"];

/** Longer than any run of this test takes. */
const LONGEST_MS = 60_000;

/** A real server whose clock is set by a file. Its programs, and the files' times, have the machine's own. */
async function startWithClock() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-clock-"));
  const file = join(folder, "clock");
  const set = async (step: string): Promise<void> => writeFile(file, `${step}\n`);
  await set("+0");
  const [library = ""] = globSync("/usr/lib/*/faketime/libfaketime.so.1");
  /** A server inherits the environment of the test. */
  const withClock = async <T>(start: () => Promise<T>): Promise<T> => {
    vi.stubEnv("LD_PRELOAD", library);
    vi.stubEnv("FAKETIME_TIMESTAMP_FILE", file);
    vi.stubEnv("FAKETIME_NO_CACHE", "1");
    vi.stubEnv("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    return start().finally(() => vi.unstubAllEnvs());
  };
  const service = await withClock(() => startService());
  return {
    service,
    set,
    restart: async () => {
      await service.kill();
      await withClock(() => service.start());
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** Asked over HTTP: a process for each question would take longer than all the runs. */
const clientOf = async (service: Service) => createClient({ url: await service.url(), token: await service.token() });

async function submit(service: Service, command: string): Promise<string> {
  const path = join(service.work, "model.zip");
  await writeZip(path, { "readme.txt": "nothing\n" });
  const modelDefinition = new Blob([await readFile(path)]);
  return (await (await clientOf(service)).submit({ manifest: directoryManifest({ command }), modelDefinition })).id;
}

async function untilState(service: Service, id: string, state: string): Promise<RunView> {
  const client = await clientOf(service);
  const deadline = performance.now() + 20_000;
  let run = await client.call("getRun", { params: { id } });
  while (run.state !== state) {
    if (performance.now() > deadline) expect(run.state).toBe(state);
    run = await client.call("getRun", { params: { id }, query: { afterVersion: run.version, waitSeconds: 1 } });
  }
  return run;
}

function expectDurations({ submittedAt, startedAt, endedAt }: RunView): void {
  const times = [submittedAt, startedAt, endedAt].map((time) => Date.parse(time ?? ""));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect((times[2] as number) - (times[1] as number)).toBeLessThan(LONGEST_MS);
}

describe.skipIf(!isAvailable("faketime"))("a server whose clock is set", () => {
  test("tells the right states and durations of runs that live through it, and forgets none", async () => {
    await using place = await startWithClock();
    const { service, set } = place;
    const client = await clientOf(service);
    const ended: RunView[] = [];
    for (const step of STEPS) {
      await set("+0");
      const wait = `while [ ! -e "$RESULT_DIR/go" ]; do sleep 0.05; done`;
      const [goes, stops] = [await submit(service, wait), await submit(service, "sleep 600")];
      for (const id of [goes, stops]) await untilState(service, id, "running");
      await set(step);
      await writeFile(join(service.home, "runs", goes, "results", "go"), "");
      await client.call("stopRun", { params: { id: stops }, json: { graceSeconds: 5 } });
      ended.push(await untilState(service, goes, "completed"), await untilState(service, stops, "canceled"));
    }
    for (const run of ended) expectDurations(run);
    await place.restart();
    expect((await service.trainyard(["list", "-o", "name"])).stdout.trim().split("\n")).toHaveLength(2 * STEPS.length);
  });

  test("is told of as doubted by retention when it is ahead at a start, and nothing goes", async () => {
    await using place = await startWithClock();
    const { service, set } = place;
    const id = await submit(service, "true");
    await untilState(service, id, "completed");
    await set("+3650d");
    await place.restart();
    const plan = await service.trainyard(["retention", "--dry-run"]);
    expect(plan.stderr).toContain("0 would go now");
    expect(plan.stderr).toContain("the server's clock was set forward");
    await untilState(service, id, "completed");
  });
});
