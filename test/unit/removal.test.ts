import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeTree } from "../../src/control/run/remove-tree.ts";
import { storeBusy } from "../../src/domain/errors.ts";
import { controlBundle, MANIFEST, type ControlBundle } from "./control-bundle.ts";

const admin = { account: "admin" };

const folders = async ({ home }: ControlBundle) => ({
  runs: await readdir(join(home, "runs")),
  trash: await readdir(join(home, "trash")),
  definitions: (await readdir(join(home, "definitions"))).length,
});

test("a removal that the database refuses leaves the whole run", async () => {
  let isBusy = true;
  await using bundle = await controlBundle({
    database: (real) => ({
      deleteRun: async (id) => (isBusy ? Promise.reject(storeBusy("busy")) : real.deleteRun(id)),
    }),
  });
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  await expect(bundle.control.runs.remove(id, admin)).rejects.toMatchObject({ code: "store_busy" });
  expect(await folders(bundle)).toEqual({ runs: [id], trash: [], definitions: 1 });
  expect(existsSync(join(bundle.home, "runs", id, "learner-1", "training-log.txt"))).toBe(true);
  isBusy = false;
  await bundle.control.runs.remove(id, admin);
  expect(await folders(bundle)).toEqual({ runs: [], trash: [], definitions: 0 });
});

test("a run that lives is refused without a touch of its directory", async () => {
  let asked = 0;
  await using bundle = await controlBundle({
    script: () => ({ kind: "runs", onStop: "ends" }),
    database: (real) => ({ deleteRun: async (id) => ((asked += 1), real.deleteRun(id)) }),
  });
  const { id } = await bundle.submit();
  await bundle.untilState(id, "running");
  await expect(bundle.control.runs.remove(id, admin)).rejects.toMatchObject({ code: "run_not_ended" });
  expect(asked).toBe(0);
});

test("a run that never had a directory is removed like any other", async () => {
  await using bundle = await controlBundle({ slots: 1, script: () => ({ kind: "runs", onStop: "ends" }) });
  await bundle.untilState((await bundle.submit()).id, "running");
  const waiting = await bundle.submit(MANIFEST, { files: { "other.sh": "true\n" } });
  await bundle.control.runs.requestStop(waiting.id, 0, admin);
  await bundle.control.runs.remove(waiting.id, admin);
  expect(await folders(bundle)).toMatchObject({ trash: [], definitions: 1 });
});

test("a run that two remove at once is removed once", async () => {
  await using bundle = await controlBundle();
  const { id } = await bundle.untilEnded((await bundle.submit()).id);
  const both = await Promise.allSettled([1, 2].map(async () => bundle.control.runs.remove(id, admin)));
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(await folders(bundle)).toEqual({ runs: [], trash: [], definitions: 0 });
});

test("a crash before the row went brings the run back, one after it takes the rest away", async () => {
  await using bundle = await controlBundle();
  const kept = await bundle.untilEnded((await bundle.submit()).id);
  const gone = await bundle.untilEnded((await bundle.submit(MANIFEST, { files: { "b.sh": "true\n" } })).id);
  for (const { id } of [kept, gone]) await rename(join(bundle.home, "runs", id), join(bundle.home, "trash", id));
  await bundle.store.deleteRun(gone.id);
  await writeFile(join(bundle.home, "trash", "note-of-the-operator"), "");
  await bundle.restart();
  await expect.poll(async () => (await folders(bundle)).definitions).toBe(1);
  expect(await folders(bundle)).toMatchObject({ runs: [kept.id], trash: ["note-of-the-operator"] });
});

test("a model definition that a crash left without a run is removed at the next start, one in use is not", async () => {
  await using bundle = await controlBundle();
  const { definitionSha256 } = await bundle.untilEnded((await bundle.submit()).id);
  const folder = join(bundle.home, "definitions");
  await copyFile(join(folder, `${definitionSha256}.zip`), join(folder, `${"0".repeat(64)}.zip`));
  await writeFile(join(folder, "note-of-the-operator"), "");
  await bundle.restart();
  await expect
    .poll(async () => (await readdir(folder)).toSorted())
    .toEqual([`${definitionSha256}.zip`, "note-of-the-operator"].toSorted());
});

test("a folder nested deeper than any path may be long is removed, with all that a program put beside it", async () => {
  const parent = await mkdtemp(join(tmpdir(), "trainyard-deep-"));
  try {
    const folder = join(parent, "run");
    await mkdir(folder);
    const level = Array.from({ length: 500 }, () => "nested").join("/");
    execFileSync(
      "bash",
      ["-c", `for i in 1 2 3 4 5 6; do mkdir -p ${level} && cd -P ${level} || exit; touch f; done`],
      {
        cwd: folder,
      },
    );
    await removeTree(folder);
    expect(await readdir(parent)).toEqual([]);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});

test("what is not there is removed already", async () => {
  await expect(removeTree(join(tmpdir(), "trainyard-absent"))).resolves.toBeUndefined();
});
