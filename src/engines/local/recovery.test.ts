import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { type Clock, systemClock } from "../../base/clock.ts";
import type { Handle, LearnerTask } from "../engine.ts";
import { localSetup, programOutput } from "./conformance.ts";
import { createLocalEngine } from "./local-engine.ts";
import { readBootId, readProcess } from "./proc.ts";

const NEVER = new AbortController().signal;

describe("a learner whose server was killed", () => {
  it("runs on, and another server tells its end and finds its log complete", async () => {
    await using place = await localSetup();
    const task = await place.taskFor("echo ready; until [ -e go ]; do sleep 0.01; done; echo done; exit 7");
    await using server = startServer(task);
    const [line] = (await once(server.child.stdout ?? server.child, "data")) as [Buffer];
    const handle = JSON.parse(line.toString()) as Handle;
    server.child.kill("SIGKILL");
    await once(server.child, "exit");

    const engine = place.connect();
    expect(await engine.start(task, NEVER)).toEqual(handle);
    expect(await engine.observe(handle)).toEqual({ status: "running" });
    const ending = engine.waitForEnd(handle, NEVER);
    await writeFile(join(task.directory, "go"), "");
    expect(await ending).toMatchObject({ status: "exited", exitCode: 7 });
    expect(await programOutput(task, 7)).toBe("ready\ndone\n");
  });

  it("wakes who waits for it by its record, not by the clock", async () => {
    await using place = await localSetup();
    const { task, handle } = await place.begin(place.connect(), "echo ready; until [ -e go ]; do sleep 0.01; done");
    const engine = createLocalEngine({ clock: clockWithoutSeconds() });
    const ending = engine.waitForEnd(handle, NEVER);
    await writeFile(join(task.directory, "go"), "");
    expect(await ending).toMatchObject({ status: "exited", exitCode: 0 });
    await engine.close();
  });

  it("is lost when its shim is killed, and who waits for it learns that by the clock", async () => {
    await using place = await localSetup();
    const { handle } = await place.begin(place.connect(), "echo ready; exec sleep 1000");
    const engine = createLocalEngine({ clock: { ...systemClock, sleep: (_, signal) => systemClock.sleep(5, signal) } });
    const ending = engine.waitForEnd(handle, NEVER);
    process.kill(Number(handle["pid"]), "SIGKILL");
    expect(await ending).toEqual({ status: "lost", reason: "it left no record of its end" });
    await engine.close();
  });
});

describe("a learner of before the machine's restart", () => {
  it("is lost when it had not ended", async () => {
    await using place = await localSetup();
    const { handle } = await place.begin(place.connect(), "echo ready; exec sleep 1000");
    const engine = createLocalEngine({ clock: systemClock, bootId: "another-start" });
    const lost = { status: "lost", reason: "the machine was restarted while it ran" };
    expect(await engine.observe(handle)).toEqual(lost);
    expect(await engine.waitForEnd(handle, NEVER)).toEqual(lost);
    await engine.stop(handle, 0);
    expect(await place.connect().observe(handle)).toEqual({ status: "running" });
  });

  it("has ended as recorded when it had", async () => {
    await using place = await localSetup();
    const first = place.connect();
    const handle = await first.start(await place.taskFor("exit 5"), NEVER);
    await first.waitForEnd(handle, NEVER);
    const engine = createLocalEngine({ clock: systemClock, bootId: "another-start" });
    expect(await engine.observe(handle)).toMatchObject({ status: "exited", exitCode: 5 });
  });
});

describe("a process that got the number of a learner's shim", () => {
  it("is not taken for it and never signalled", async () => {
    await using place = await localSetup();
    await using stranger = await startStranger();
    const { directory } = await place.taskFor("true");
    await writeFile(join(directory, "training-log.txt"), "");
    const handle = { directory, attempt: 1, pid: stranger.pid, startTime: 1, bootId: readBootId() };
    const engine = place.connect();
    expect(await engine.observe(handle)).toMatchObject({ status: "lost" });
    expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ status: "lost" });
    await engine.stop(handle, 0);
    expect(readProcess(stranger.pid)?.state).toBe("S");
  });
});

/** A process of its own that starts the learner, prints the handle, and waits to be killed. */
function startServer(task: LearnerTask): { readonly child: ChildProcess; [Symbol.asyncDispose](): Promise<void> } {
  const program = `
    import { createLocalEngine } from "${new URL("./local-engine.ts", import.meta.url).href}";
    import { systemClock } from "${new URL("../../base/clock.ts", import.meta.url).href}";
    const engine = createLocalEngine({ clock: systemClock });
    const handle = await engine.start(${JSON.stringify(task)}, new AbortController().signal);
    process.stdout.write(JSON.stringify(handle));
    await engine.waitForEnd(handle, new AbortController().signal);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { child, [Symbol.asyncDispose]: async () => void child.kill("SIGKILL") };
}

async function startStranger() {
  const child = spawn("/bin/sleep", ["1000"], { detached: true, env: {} });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  await vi.waitUntil(() => readProcess(pid)?.state === "S", { timeout: 5_000, interval: 5 });
  return { pid, [Symbol.asyncDispose]: async () => void child.kill("SIGKILL") };
}

/** Short pauses are as ever; the second after which a waiting engine looks by itself never comes. */
function clockWithoutSeconds(): Clock {
  const never = (signal?: AbortSignal) =>
    new Promise<void>((_, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("Aborted.")), { once: true });
    });
  return { ...systemClock, sleep: (ms, signal) => (ms < 1_000 ? systemClock.sleep(ms, signal) : never(signal)) };
}
