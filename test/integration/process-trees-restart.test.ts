import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Handle } from "../../src/engines/engine.ts";
import { listGroups, listMembers } from "../../src/engines/local/cgroup-files.ts";
import { chooseTracker, findTrackers, openTracker } from "../../src/engines/local/choose-tracker.ts";
import { createLocalEngine } from "../../src/engines/local/local-engine.ts";

const NEVER = new AbortController().signal;
const hasGroups = (await findTrackers(import.meta.filename, systemClock)).length > 0;

/** Starts a learner that ends and one that stays, prints the handle of that one, and waits to be killed. */
const SERVER = `
  import { systemClock } from "${sourceOf("base/clock.ts")}";
  import { openTracker } from "${sourceOf("engines/local/choose-tracker.ts")}";
  import { createLocalEngine } from "${sourceOf("engines/local/local-engine.ts")}";
  const [directory] = process.argv.slice(1);
  const engine = createLocalEngine({ clock: systemClock, tracker: await openTracker(directory, systemClock) });
  const begin = (attempt, command) => engine.start({ runId: "training-restart00", attempt, learner: 1, directory,
    workingDirectory: directory, command, env: { PATH: "/usr/bin:/bin" }, banner: "" }, new AbortController().signal);
  await engine.waitForEnd(await begin(1, "true"), new AbortController().signal);
  const handle = await begin(2, "(env -i PATH=$PATH setsid sleep 15 &); sleep 15");
  process.stdout.write(JSON.stringify(handle));
  setInterval(() => undefined, 1000);`;

describe.skipIf(!hasGroups)("after a server was killed", () => {
  it("only live learners keep a group, and the next server ends what nothing else tells of", async () => {
    await using home = await temporaryHome();
    await using server = startServer(home.path);
    const handle = await firstLine(server.process);
    const group = String(handle["enclosure"]).replace(/^v[12]:/, "");
    const parent = join(group, "..");
    await vi.waitUntil(() => listMembers(group).length === 3, { timeout: 5_000, interval: 5 });
    // The shell that waits for the next learner, in a group of its own.
    const standsBy = async () => (await listGroups(parent)).find((name) => name !== basename(group));
    await vi.waitUntil(standsBy, { timeout: 5_000, interval: 5 });
    await server.kill();
    await vi.waitUntil(async () => listMembers(join(parent, (await standsBy()) ?? "")).length === 0, {
      timeout: 5_000,
    });

    const engine = createLocalEngine({ clock: systemClock, tracker: await openTracker(home.path, systemClock) });
    expect(await listGroups(parent)).toEqual([basename(group)]);
    expect(await engine.observe(handle)).toEqual({ status: "running" });
    expect(listMembers(group)).toHaveLength(3);
    await engine.stop(handle, 0);
    expect(listMembers(group)).toEqual([]);
    expect(await engine.waitForEnd(handle, NEVER)).toMatchObject({ status: "exited" });
    await engine.close();
    expect(await listGroups(parent)).toEqual([]);
  });
});

function startServer(home: string) {
  const server = spawn(process.execPath, ["--input-type=module", "-e", SERVER, home], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(server, "exit");
  const kill = async (): Promise<void> => {
    server.kill("SIGKILL");
    await ended;
  };
  return { process: server, kill, [Symbol.asyncDispose]: kill };
}

async function firstLine(server: ChildProcess): Promise<Handle> {
  const [line] = (await once(server.stdout ?? server, "data")) as [Buffer];
  return JSON.parse(line.toString()) as Handle;
}

async function temporaryHome() {
  const path = await mkdtemp(join(tmpdir(), "trainyard-restart-"));
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await (await chooseTracker(path, systemClock)).tidyUp();
      await rm(path, { recursive: true });
    },
  };
}

function sourceOf(path: string): string {
  return new URL(`../../src/${path}`, import.meta.url).href;
}
