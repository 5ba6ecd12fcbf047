import { existsSync } from "node:fs";
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { outcomeOfEndings } from "../../src/control/life/endings.ts";
import { CgroupTracker } from "../../src/engines/local/cgroup-tracker.ts";
import { CGROUP_V1 } from "../../src/engines/local/cgroup-version.ts";
import { findTrackers } from "../../src/engines/local/choose-tracker.ts";
import { localSetup } from "../../src/engines/local/conformance.ts";
import { pendingRun } from "../fixtures/pending-run.ts";

const NEVER = new AbortController().signal;
const GREEDY = `python3 -c "x = bytearray(200 * 1024 * 1024)"`;

const means = await findTrackers(import.meta.filename, systemClock);
const canLimit = means.some(({ name }) => name === CGROUP_V1.name) && existsSync("/sys/fs/cgroup/memory/tasks");

describe.skipIf(!canLimit)("a program that gets no more memory", () => {
  it.for([
    ["ends by the kernel's signal", `exec ${GREEDY}`, 137, true],
    ["fails since its child was killed", `${GREEDY} || exit 3`, 3, true],
    ["completes although its child was killed", `${GREEDY}; exit 0`, 0, false],
    ["fails for another reason", "exit 137", 137, false],
  ] as const)("and %s is told apart", async ([, command, exitCode, outOfMemory]) => {
    await using limited = await limitedMemory();
    await using place = await localSetup(limited.tracker);
    const engine = place.connect();
    const handle = await engine.start(await place.taskFor(command), NEVER);
    const ending = await engine.waitForEnd(handle, NEVER);
    expect(ending).toMatchObject({ status: "exited", exitCode, outOfMemory });
    expect(await place.connect().observe(handle)).toEqual(ending);

    const context = { phase: "running", attempt: 1, logTail: [] } as const;
    const outcome = outcomeOfEndings([{ learner: 1, ending, seenAt: new Date() }], pendingRun(), () => context);
    if (outOfMemory) expect(outcome).toMatchObject({ failure: { cause: "out_of_memory", exitCode } });
    else expect(outcome).not.toMatchObject({ failure: { cause: "out_of_memory" } });
  });
});

/** Groups that share 64 MB. */
async function limitedMemory() {
  const name = `trainyard-test-memory-${process.pid}`;
  const [parent, memoryParent] = [`/sys/fs/cgroup/freezer/${name}`, `/sys/fs/cgroup/memory/${name}`];
  await mkdir(memoryParent);
  await writeFile(`${memoryParent}/memory.limit_in_bytes`, String(64 * 1024 * 1024));
  return {
    tracker: new CgroupTracker({ version: CGROUP_V1, parent, memoryParent }, systemClock),
    // The engines that used it have removed them, unless nothing was started.
    [Symbol.asyncDispose]: async () => void (await Promise.allSettled([rmdir(parent), rmdir(memoryParent)])),
  };
}
