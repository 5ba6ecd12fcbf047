import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LearnerTask } from "../../src/engines/engine.ts";
import { openServedLog } from "../../src/logs/served-log.ts";
import type { Script } from "../../src/engines/scripted/scripted-engine.ts";
import { RemoteError } from "../../src/datastores/remote-error.ts";
import { withMethods } from "../fixtures/with-methods.ts";
import { controlBundle, type ControlBundle } from "./control-bundle.ts";

const LOG = `${"x".repeat(999)}\n`.repeat(1_500);

/** A program with a log of more than a megabyte. */
function chatty(task: LearnerTask): Script {
  return { kind: "exits", exitCode: 0, after: writeFile(join(task.env["LOG_DIR"] ?? "", "training-log.txt"), LOG) };
}

const logOf = (bundle: ControlBundle, id: string): string =>
  join(bundle.home, "runs", id, "learner-1", "training-log.txt");

async function archived(bundle: ControlBundle, id: string): Promise<void> {
  const path = logOf(bundle, id);
  await expect.poll(() => [existsSync(path), existsSync(`${path}.zst`)], { timeout: 10_000 }).toEqual([false, true]);
}

test("a large log is archived once its run has ended, is still whole, and goes with its run", async () => {
  await using bundle = await controlBundle({ script: chatty });
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  await archived(bundle, id);
  await expect.poll(async () => readdir(join(bundle.home, "log-archiving"))).toEqual([]);
  {
    await using log = await openServedLog(await bundle.control.runs.logFile(id, 1));
    expect(log.sizeBytes).toBe(LOG.length);
  }
  expect(await bundle.stored(id, "learner-1/training-log.txt")).toBe(LOG);
  await bundle.control.runs.remove(id, { account: "admin" }, { atOnce: true });
  expect(existsSync(join(bundle.home, "runs", id))).toBe(false);
});

test("a log whose results are not stored stays as it is, and is archived when they are", async () => {
  let isDown = true;
  const wrapStore: NonNullable<Parameters<typeof controlBundle>[0]>["wrapStore"] = (real) =>
    withMethods(real, {
      put: async (...args) => {
        if (isDown) throw new RemoteError("denied", "bucket 'models' said 403.", { retryable: false });
        return real.put(...args);
      },
    });
  await using bundle = await controlBundle({ script: chatty, wrapStore });
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  expect(existsSync(logOf(bundle, id))).toBe(true);
  isDown = false;
  await bundle.control.runs.retryResults(id, null, { account: "admin" });
  await archived(bundle, id);
  expect(await bundle.stored(id, "learner-1/training-log.txt")).toBe(LOG);
});

test("what a server has left is archived by the next", async () => {
  await using bundle = await controlBundle({ script: chatty });
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  await archived(bundle, id);
  // As if that one had died before it began.
  await writeFile(logOf(bundle, id), LOG);
  await writeFile(join(bundle.home, "log-archiving", id), "");
  await bundle.restart();
  await archived(bundle, id);
  await expect.poll(async () => readdir(join(bundle.home, "log-archiving"))).toEqual([]);
});
