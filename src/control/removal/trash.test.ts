import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { QUICK_FOLDER } from "../../../test/fixtures/quick-folder.ts";
import { guardWorld, type Step } from "../../base/world.ts";
import type { Store } from "../../store/store.ts";
import { Trash } from "./trash.ts";

const ID = "training-abcdefghi";

/** A home with one run of one file, and the row of it. */
async function place() {
  const home = await mkdtemp(join(QUICK_FOLDER, "trainyard-trash-"));
  const [folder, aside] = [join(home, "runs", ID), join(home, "trash", ID)];
  await mkdir(folder, { recursive: true });
  await mkdir(join(home, "trash"));
  await writeFile(join(folder, "model.bin"), "weights");
  const rows = new Set([ID]);
  const store: Pick<Store, "findRun" | "deleteRun"> = {
    findRun: async (id) => (rows.has(id) ? pendingRun({ id }) : undefined),
    deleteRun: async (id) => rows.delete(id),
  };
  const logged: object[] = [];
  const log = { info: () => {}, warn: () => {}, error: (fields: object) => void logged.push(fields) };
  return {
    home,
    folder,
    aside,
    rows,
    logged,
    trash: new Trash(home, store as Store, log),
    [Symbol.asyncDispose]: async () => rm(home, { recursive: true, force: true }),
  };
}

/** What is done to the world meanwhile; `fault` may throw in place of a step. */
function watched(fault: (step: Step) => void = () => undefined) {
  const steps: string[] = [];
  const guard = guardWorld((step) => {
    steps.push(`${step.kind} ${step.subject}`);
    fault(step);
    return undefined;
  });
  return { steps, [Symbol.dispose]: () => guard[Symbol.dispose]() };
}

const broken = (code: string): Error => Object.assign(new Error(`${code}: broken`), { code });

test("a directory steps aside durably, on both sides, before its row goes", async () => {
  await using here = await place();
  using world = watched();
  expect(await here.trash.remove(ID, 1)).toBe(true);
  const synced = world.steps.filter((step) => step.startsWith("sync"));
  expect(synced).toEqual([`sync ${join(here.home, "trash")}`, `sync ${join(here.home, "runs")}`]);
  expect([existsSync(here.folder), existsSync(here.aside), here.rows.size]).toEqual([false, false, 0]);
});

test("a directory that cannot step aside keeps its run, and the trouble is told", async () => {
  await using here = await place();
  using _ = watched(({ kind }) => {
    if (kind === "rename") throw broken("EIO");
  });
  await expect(here.trash.remove(ID, 1)).rejects.toThrow();
  expect([existsSync(join(here.folder, "model.bin")), here.rows.has(ID)]).toEqual([true, true]);
});

test("files that cannot be removed are logged with their place, and the run is gone all the same", async () => {
  await using here = await place();
  {
    using _ = watched(({ kind }) => {
      if (kind === "remove" || kind === "spawn") throw broken("EIO");
    });
    expect(await here.trash.remove(ID, 1)).toBe(true);
  }
  expect(here.logged).toEqual([{ folder: here.aside, error: expect.stringContaining("EIO") }]);
  expect(existsSync(here.aside)).toBe(true);
  await here.trash.recover();
  expect(existsSync(here.aside)).toBe(false);
});

test("a run without a row is told to be gone, and its directory goes", async () => {
  await using here = await place();
  here.rows.clear();
  expect(await here.trash.remove(ID, 1)).toBe(false);
  expect([existsSync(here.folder), existsSync(here.aside)]).toEqual([false, false]);
});
