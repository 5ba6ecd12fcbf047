import { chmod, mkdtemp, mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { EngineError } from "../../src/engines/engine-error.ts";
import { findTrackers } from "../../src/engines/local/choose-tracker.ts";
import { localSetup, readLog } from "../../src/engines/local/conformance.ts";
import { askNvidiaDriver } from "../../src/engines/local/device-use.ts";
import { createLocalEngine } from "../../src/engines/local/local-engine.ts";
import { isDead, readProcess } from "../../src/engines/local/proc.ts";
import { NO_TRACKER } from "../../src/engines/local/process-tracker.ts";
import { controlBundle } from "../unit/control-bundle.ts";

const NEVER = new AbortController().signal;
const FREEZER = "/sys/fs/cgroup/freezer";
const GPU = "GPU-5d1e0a3c-1f6d-7f0e-2a65-0c4f7a2f1b11";

/** Patience of ten seconds ends after one. */
const hurried: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 10 };

const means = [...(await findTrackers(import.meta.filename, systemClock)), NO_TRACKER];
const canFreeze = means.some(({ name }) => name.startsWith("cgroup v1"));

describe.skipIf(!canFreeze).for(means.map((tracker) => [tracker.name, tracker] as const))(
  "by %s, a process that nothing can end",
  ([, tracker]) => {
    it("is told by its number, name and state, by stop and by who waits, until it is gone", async () => {
      await using place = await localSetup(tracker);
      await using ice = await makeIce();
      const program = "trap '' TERM; sleep 30 & echo pid $!; echo ready; wait";
      const { task, handle } = await place.begin(place.connect(), program);
      const pid = Number(/^pid (\d+)$/m.exec(await readLog(task))?.[1]);
      // Until then it is still the shell that was forked for it.
      await vi.waitFor(async () => expect(await readFile(`/proc/${pid}/comm`, "utf8")).toBe("sleep\n"), 5000);
      await ice.freeze(pid);

      const engine = createLocalEngine({ clock: hurried, tracker });
      const told = new RegExp(`process ${pid} \\(sleep\\) does not end after SIGKILL, since it waits in the kernel`);
      const refusal = await engine.stop(handle, 0).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(EngineError);
      expect(refusal).toMatchObject({ retryable: true, message: expect.stringMatching(told) });
      await expect(engine.waitForEnd(handle, NEVER)).rejects.toThrow(told);

      await ice.thaw();
      expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ exitCode: 137 });
      expect(isGone(pid)).toBe(true);
      await engine.close();
    });
  },
);

describe("a GPU of a learner that has ended", () => {
  it("is given back once the driver lists no process of it there", async () => {
    await using place = await localSetup();
    await using driver = await fakeDriver();
    const engine = createLocalEngine({ clock: systemClock, deviceUse: askNvidiaDriver({ PATH: driver.path }) });
    const task = await place.taskFor("echo ready", { gpus: [GPU] });
    await driver.list(`4194305, ${GPU}`);
    const handle = await engine.start(task, NEVER);
    const ending = engine.waitForEnd(handle, NEVER);
    await driver.untilAsked();
    await driver.list("");
    expect(await ending).toMatchObject({ status: "exited", exitCode: 0 });
    await engine.close();
  });

  it.for([
    ["a dead process that the driver still lists", `4194305, ${GPU}`, /held by process 4194305 \(.+no longer.+\)/],
    ["a process of before it", `${process.pid}, ${GPU}`, null],
    ["a process on another GPU", "4194305, GPU-other", null],
  ] as const)("is withheld, and by whom is told, only for what can be its own: %s", async ([, line, told]) => {
    await using place = await localSetup();
    await using driver = await fakeDriver();
    const engine = createLocalEngine({ clock: hurried, deviceUse: askNvidiaDriver({ PATH: driver.path }) });
    await driver.list(line);
    const handle = await engine.start(await place.taskFor("echo ready", { gpus: [GPU] }), NEVER);
    const ending = await engine.waitForEnd(handle, NEVER).catch((error: unknown) => error);
    if (told === null) expect(ending).toMatchObject({ exitCode: 0 });
    else expect(ending).toMatchObject({ name: "EngineError", message: expect.stringMatching(told), retryable: true });
    await engine.close();
  });

  it("is withheld as long as the driver does not answer", async () => {
    await using place = await localSetup();
    const engine = createLocalEngine({ clock: hurried, deviceUse: askNvidiaDriver({ PATH: "/nowhere" }) });
    const handle = await engine.start(await place.taskFor("echo ready", { gpus: [GPU] }), NEVER);
    await expect(engine.stop(handle, 0)).rejects.toThrow(`Whether ${GPU} are free cannot be told`);
    const another = createLocalEngine({ clock: hurried, deviceUse: async () => [] });
    expect(await another.waitForEnd(handle, NEVER)).toMatchObject({ status: "exited" });
    await Promise.all([engine.close(), another.close()]);
  });

  it("is remembered by the claim, so that another server asks for it too", async () => {
    await using place = await localSetup();
    const task = await place.taskFor("echo ready", { gpus: [GPU, "GPU-2"] });
    await place.connect().start(task, NEVER);
    expect(await place.connect().find(task.directory, 1)).toMatchObject({ gpus: `${GPU},GPU-2` });
  });
});

describe("the devices of a run that is not gone", () => {
  it("stay with it, its show says who holds them, and the next run gets them at its end", async () => {
    let isHeld = true;
    await using bundle = await controlBundle({
      slots: 1,
      engine: (real) => ({
        waitForEnd: async (handle, signal) => {
          if (isHeld) throw new EngineError("GPU GPU-1 is still held by process 17 (python3).", { retryable: true });
          return real.waitForEnd(handle, signal);
        },
      }),
    });
    const held = await bundle.submit();
    const waiting = await bundle.submit();
    await vi.waitUntil(async () => (await bundle.control.runs.get(held.id)).warnings.length > 0, { timeout: 5_000 });
    const told = "Its devices (cpu-0) are not given to others: GPU GPU-1 is still held by process 17 (python3).";
    expect(await bundle.control.runs.get(held.id)).toMatchObject({
      state: "running",
      devices: ["cpu-0"],
      warnings: [told],
    });
    expect((await bundle.control.runs.get(waiting.id)).state).toBe("pending");
    const events = await bundle.control.runs.events(held.id, 0, 100);
    expect(events.filter(({ type }) => type === "devices_withheld")).toMatchObject([{ message: told }]);
    isHeld = false;
    expect(await bundle.untilEnded(waiting.id)).toMatchObject({ state: "completed" });
    expect(await bundle.untilEnded(held.id)).toMatchObject({ state: "completed", warnings: [told] });
  });
});

/** A group of the freezer that is none of the engine's: who is frozen in it takes no signal, as one that waits for a broken disk. */
async function makeIce() {
  const group = join(FREEZER, `trainyard-test-${process.pid}`);
  await mkdir(group);
  const set = async (state: string) => writeFile(join(group, "freezer.state"), state);
  return {
    freeze: async (pid: number) => {
      await writeFile(join(group, "cgroup.procs"), String(pid));
      await set("FROZEN");
      await vi.waitUntil(async () => (await readFile(join(group, "freezer.state"), "utf8")) === "FROZEN\n");
    },
    thaw: async () => set("THAWED"),
    [Symbol.asyncDispose]: async () => {
      await set("THAWED");
      await vi.waitUntil(
        async () =>
          rmdir(group).then(
            () => true,
            () => false,
          ),
        { timeout: 5_000, interval: 20 },
      );
    },
  };
}

/** A program `nvidia-smi` that lists what it is told to, and leaves a mark that it was asked. */
async function fakeDriver() {
  const path = await mkdtemp(join(tmpdir(), "trainyard-driver-"));
  const expected = "--query-compute-apps=pid,gpu_uuid --format=csv,noheader";
  const body = `[ "$*" = "${expected}" ] || exit 9\n: > "${path}/asked"\nwhile read -r line; do echo "$line"; done < "${path}/list"`;
  await writeFile(join(path, "nvidia-smi"), `#!/bin/sh\n${body}\n`);
  await chmod(join(path, "nvidia-smi"), 0o755);
  return {
    path,
    list: async (lines: string) => writeFile(join(path, "list"), `${lines}\n`),
    untilAsked: async () =>
      vi.waitUntil(
        async () =>
          readFile(join(path, "asked")).then(
            () => true,
            () => false,
          ),
        { timeout: 5_000 },
      ),
    [Symbol.asyncDispose]: async () => rm(path, { recursive: true }),
  };
}

function isGone(pid: number): boolean {
  const process = readProcess(pid);
  return process === null || isDead(process);
}
