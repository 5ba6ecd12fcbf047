import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { DEFAULT_TRANSFER_LIMITS, TransferBudget } from "../../src/datastores/transfer-budget.ts";
import { DataStaging } from "../../src/staging/data-staging.ts";
import { stagingHome } from "../fixtures/staging-home.ts";

const RUNS = 100;
const OBJECTS = 40;
const OBJECT_BYTES = 1_500_000;

interface Use {
  files: number;
  blocks: number;
}

/** Each inode once, and nothing of what is mounted. */
async function diskUse(folder: string): Promise<Use> {
  const { dev } = await lstat(folder);
  const seen = new Set<number>();
  const use: Use = { files: 0, blocks: 0 };
  const look = async (path: string): Promise<void> => {
    const found = await lstat(path);
    if (found.dev !== dev || seen.has(found.ino)) return;
    seen.add(found.ino);
    use.blocks += found.blocks;
    if (found.isFile()) use.files += 1;
    if (found.isDirectory()) for (const name of await readdir(path)) await look(join(path, name));
  };
  await look(folder);
  return use;
}

/** With the view that is chosen here. */
async function realStaging(home: string): Promise<DataStaging> {
  const budget = new TransferBudget(DEFAULT_TRANSFER_LIMITS, systemClock);
  const onTrouble = (error: unknown): never => {
    throw error;
  };
  const staging = new DataStaging({ home, clock: systemClock, budget, maxBytes: null, onTrouble });
  await staging.open([]);
  return staging;
}

test("a hundred runs of one bucket cost one download and hold one copy on the disk", async ({ skip }) => {
  await using bundle = await stagingHome();
  bundle.staging = await realStaging(bundle.home);
  const { view } = await bundle.staging.view();
  skip(view.name === "a copy", "Neither overlays nor clones work here.");
  const content = Buffer.alloc(OBJECT_BYTES, "x");
  bundle.put(Object.fromEntries(Array.from({ length: OBJECTS }, (_, index) => [`k${index}`, content])));
  await bundle.stage("run-0");
  expect(bundle.asked()).toEqual({ list: 1, get: OBJECTS });
  const one = await diskUse(bundle.home);
  const inodesOfOne = view.leansOnTree ? OBJECTS : 2 * OBJECTS;
  expect(one.files).toBe(inodesOfOne);
  for (let run = 1; run < RUNS; run += 1) await bundle.stage(`run-${run}`);
  expect(bundle.asked()).toEqual({ list: RUNS - 1 });
  const all = await diskUse(bundle.home);
  if (view.leansOnTree) expect(all.files).toBe(OBJECTS);
  expect(all.blocks / one.blocks).toBeLessThanOrEqual(1.05);
  expect(Object.keys(await bundle.seen(`run-${RUNS - 1}`))).toHaveLength(OBJECTS);
});
