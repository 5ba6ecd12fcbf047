import { globSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { isAvailable } from "../../tools/requirements.ts";
import { directoryManifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

/** What `faketime` adds to the time; `+0` is the machine's own. */
const STEPS = ["+1s", "-1s", "+1h", "-1h", "+3650d", "-3650d"];

/** Longer than any run of this test takes. */
const LONGEST_MS = 60_000;

interface Shown {
  readonly state: string;
  readonly submittedAt: string;
  readonly startedAt: string;
  readonly endedAt: string;
}

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

async function submit(service: Service, command: string): Promise<string> {
  await writeZip(join(service.work, "model.zip"), { "readme.txt": "nothing\n" });
  await writeFile(join(service.work, "job.yaml"), directoryManifest({ command }));
  return (await service.trainyard(["submit", "model.zip", "job.yaml", "-q"])).stdout.trim();
}

async function show(service: Service, id: string): Promise<Shown> {
  return JSON.parse((await service.trainyard(["show", id, "-o", "json"])).stdout) as Shown;
}

async function untilState(service: Service, id: string, state: string): Promise<Shown> {
  await expect.poll(async () => (await show(service, id)).state, { timeout: 20_000 }).toBe(state);
  return show(service, id);
}

function expectDurations({ submittedAt, startedAt, endedAt }: Shown): void {
  const times = [submittedAt, startedAt, endedAt].map((time) => Date.parse(time));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect((times[2] as number) - (times[0] as number)).toBeLessThan(LONGEST_MS);
}

describe.skipIf(!isAvailable("faketime"))("a server whose clock is set", () => {
  test("tells the right states and durations of runs that live through it, and forgets none", async () => {
    await using place = await startWithClock();
    const { service, set } = place;
    const ended: Shown[] = [];
    for (const step of STEPS) {
      await set("+0");
      const wait = `while [ ! -e "$RESULT_DIR/go" ]; do sleep 0.05; done`;
      const [goes, stops] = [await submit(service, wait), await submit(service, "sleep 600")];
      for (const id of [goes, stops]) await untilState(service, id, "running");
      await set(step);
      await writeFile(join(service.home, "runs", goes, "results", "go"), "");
      await service.trainyard(["stop", stops, "--grace", "5", "-q"]);
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
    expect((await show(service, id)).state).toBe("completed");
  });
});
