import { spawn, spawnSync } from "node:child_process";
import { chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { removeGroups } from "../../src/engines/local/cgroup-files.ts";
import { findTrackers } from "../../src/engines/local/choose-tracker.ts";
import { isDead, readProcess } from "../../src/engines/local/proc.ts";
import { NO_TRACKER } from "../../src/engines/local/process-tracker.ts";

const NOBODY = 65_534;
const AS_NOBODY = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups", "--no-new-privs"];
const STAYS = "sh -c 'echo pid $$; exec sleep 30'";

/** Every way out at once, as far as an ordinary account without a group of its own can be held. */
const ESCAPES = [
  `${STAYS} &`,
  `setsid ${STAYS} &`,
  `(setsid ${STAYS} &)`,
  `(trap '' TERM HUP INT QUIT; exec ${STAYS}) &`,
  `sh -c 'echo pid $$; kill -STOP $$' &`,
  `nohup ${STAYS} & disown`,
  `sh -c 'echo pid $$; echo init > /proc/$$/comm; i=0; while [ $((i += 1)) -lt 150 ]; do sleep 0.2; done' &`,
  `env -i PATH="$PATH" ${STAYS} &`,
];
/** Held by an enclosure alone. */
const NAMELESS = `(env -i PATH="$PATH" setsid ${STAYS} &)`;

/** A server of this account: which means it found, and which processes it says to have ended. */
const PROGRAM = `
  import { readFile } from "node:fs/promises";
  import { systemClock } from "${sourceOf("base/clock.ts")}";
  import { openTracker } from "${sourceOf("engines/local/choose-tracker.ts")}";
  import { createLocalEngine } from "${sourceOf("engines/local/local-engine.ts")}";
  const [directory, command, count] = process.argv.slice(1);
  const tracker = await openTracker(directory, systemClock);
  const engine = createLocalEngine({ clock: systemClock, tracker });
  const task = { runId: "training-account00", attempt: 1, learner: 1, directory, workingDirectory: directory, command,
    env: { PATH: "/usr/bin:/bin" }, banner: "" };
  const handle = await engine.start(task, new AbortController().signal);
  const pids = async () => [...(await readFile(directory + "/training-log.txt", "utf8")).matchAll(/^pid (\\d+)$/gm)].map(([, pid]) => Number(pid));
  while ((await pids()).length < Number(count)) await systemClock.sleep(10);
  await engine.stop(handle, 50);
  await engine.close();
  process.stdout.write(JSON.stringify({ means: tracker.name, pids: await pids() }));`;

const canChangeAccount =
  process.getuid?.() === 0 &&
  spawnSync("setpriv", [...AS_NOBODY, process.execPath, "--check", new URL(sourceOf("base/clock.ts")).pathname])
    .status === 0;
const hasV2 = (await findTrackers(import.meta.filename, systemClock)).some(({ name }) => name === "cgroup v2");

describe.skipIf(!canChangeAccount)("a server of an ordinary account", () => {
  it("leaves nothing of a run behind where it may make no groups", async () => {
    const { means, pids } = await serveAs(null, ESCAPES);
    expect(means).toBe(NO_TRACKER.name);
    expect(pids).toHaveLength(ESCAPES.length);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it.skipIf(!hasV2)("holds also what hides from all else where it was given a group to divide", async () => {
    await using group = await delegatedGroup();
    const { means, pids } = await serveAs(group.path, [...ESCAPES, NAMELESS]);
    expect(means).toBe("cgroup v2");
    expect(pids).toHaveLength(ESCAPES.length + 1);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

async function serveAs(group: string | null, escapes: readonly string[]) {
  const directory = await mkdtemp(join(tmpdir(), "trainyard-account-"));
  try {
    await chown(directory, NOBODY, NOBODY);
    const enter = group === null ? "" : `echo 0 >${group}/cgroup.procs; `;
    const command = `${escapes.join("\n")}\nexec sleep 30`;
    const server = [process.execPath, "--input-type=module", "-e", PROGRAM, directory, command, String(escapes.length)];
    const child = spawn("/bin/sh", ["-c", `${enter}exec setpriv "$@"`, "sh", ...AS_NOBODY, ...server], {
      cwd: directory,
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 60_000,
    });
    return JSON.parse(await text(child.stdout)) as { readonly means: string; readonly pids: readonly number[] };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** As a service manager gives one: the group, and the file that lets processes in, belong to the account. */
async function delegatedGroup() {
  const path = `/sys/fs/cgroup/unified/trainyard-test-account-${process.pid}`;
  await mkdir(path);
  for (const file of ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"])
    await chown(join(path, file), NOBODY, NOBODY);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await vi.waitUntil(async () => removeGroups(path), { timeout: 5_000, interval: 10 });
    },
  };
}

function isAlive(pid: number): boolean {
  const process = readProcess(pid);
  return process !== null && !isDead(process);
}

function sourceOf(path: string): string {
  return new URL(`../../src/${path}`, import.meta.url).href;
}
