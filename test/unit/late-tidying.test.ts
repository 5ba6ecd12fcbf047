import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { controlBundle, type ControlBundle } from "./control-bundle.ts";

/** As a server leaves a run that dies right after having written how the run ended. */
async function undoTidying({ home }: ControlBundle, id: string): Promise<void> {
  for (const folder of ["data", "results", "code", "home"]) {
    await mkdir(join(home, "runs", id, folder), { recursive: true });
    await writeFile(join(home, "runs", id, folder, "large"), "many bytes");
  }
}

const foldersOf = async ({ home }: ControlBundle, id: string) => (await readdir(join(home, "runs", id))).toSorted();

test("what an ended run still keeps after a crash is removed by the next server", async () => {
  await using bundle = await controlBundle();
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  await bundle.restart();
  const tidy = await foldersOf(bundle, id);
  await undoTidying(bundle, id);
  await bundle.restart();
  await expect.poll(async () => foldersOf(bundle, id)).toEqual(tidy);
});

test("results that no bucket took stay when the next server tidies up", async () => {
  await using bundle = await controlBundle({
    wrapStore: (store) => ({ ...store, label: store.label, put: async () => Promise.reject(new Error("no bucket")) }),
  });
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  await undoTidying(bundle, id);
  await bundle.restart();
  await expect.poll(async () => foldersOf(bundle, id)).not.toContain("home");
  expect(await foldersOf(bundle, id)).toEqual(expect.arrayContaining(["code", "results"]));
  expect(await foldersOf(bundle, id)).not.toContain("data");
});
