import { spawnSync } from "node:child_process";
import { chownSync, statfsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { mountsBelow, unmountBelow } from "../../src/base/mounts.ts";
import { removeTree } from "../../src/control/run/remove-tree.ts";

const NOBODY = 65_534;
const AS_NOBODY = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups", "--no-new-privs"];
const HOSTILE = new URL("../fixtures/programs/hostile-to-data.sh", import.meta.url).pathname;

/** What the hostile program attacks, each under a name of its own. */
const OBJECTS =
  "written appended truncated poked punched closed opened owned touched edited renamed-over renamed-over-too linked linked-far descriptor folder/inside removed tagged frozen".split(
    " ",
  );

/** Stages for three runs, is hostile in the first two, and says what the third and a fourth see, and from where. */
const PROGRAM = `
  import { spawnSync } from "node:child_process";
  import { join } from "node:path";
  import { systemClock } from "${sourceOf("base/clock.ts")}";
  import { openDirectoryStore } from "${sourceOf("datastores/directory/directory-store.ts")}";
  import { DEFAULT_TRANSFER_LIMITS, TransferBudget } from "${sourceOf("datastores/transfer-budget.ts")}";
  import { DataStaging } from "${sourceOf("staging/data-staging.ts")}";
  import { contentsOf } from "${new URL("../fixtures/staging-home.ts", import.meta.url).href}";
  import { chooseView } from "${sourceOf("staging/choose-view.ts")}";
  import { copyView, cloneView } from "${sourceOf("staging/copied-view.ts")}";
  const [home, means] = process.argv.slice(1);
  // Hard links to the cache: what must not be taken for a view.
  const show = async (files, { data }) => void spawnSync("sh", ["-c", 'mkdir -p "$2" && cp -al "$1/." "$2"', "sh", files, data]);
  const links = () => ({ name: "links", leansOnTree: true, show, isShown: async () => true });
  const views = { copy: copyView, clones: cloneView, links };
  const view = views[means] === undefined ? undefined : { view: views[means](), refused: [] };
  const onTrouble = (error) => { throw error; };
  const budget = new TransferBudget(DEFAULT_TRANSFER_LIMITS, systemClock);
  const staging = new DataStaging({ home, clock: systemClock, budget, maxBytes: null, view, onTrouble });
  await staging.open([]);
  const signal = new AbortController().signal;
  const placeOf = (run) => ({ data: join(home, "runs", run, "data"), changes: join(home, "runs", run, "changes") });
  const store = openDirectoryStore({ root: join(home, "buckets"), bucket: "mnist", create: false });
  const identity = { store: "here", bucket: "mnist" };
  const selection = { prefix: "", include: [], exclude: [] };
  const stage = (run) => staging.stage(run, { store, identity, selection, notData: null }, placeOf(run), signal);
  const attack = (run, how) => {
    const env = { ...process.env, DATA_DIR: placeOf(run).data };
    return spawnSync("timeout", ["20", "sh", "${HOSTILE}", how], { env, encoding: "utf8" }).status;
  };
  const { view: name } = await stage("one");
  await stage("two");
  await stage("three");
  const statuses = [attack("one", "leave"), attack("two", "remove")];
  const fourth = await stage("four");
  const seen = { three: await contentsOf(placeOf("three").data), four: await contentsOf(placeOf("four").data) };
  const { refused } = await staging.view();
  process.stdout.write(JSON.stringify({ name, refused, statuses, cached: fourth.cachedObjects, seen }));`;

interface Told {
  readonly name: string;
  readonly refused: readonly string[];
  readonly statuses: readonly number[];
  readonly cached: number;
  readonly seen: { readonly three: Record<string, string>; readonly four: Record<string, string> };
}

const isRoot = process.getuid?.() === 0;
const canChangeAccount =
  isRoot && spawnSync("setpriv", [...AS_NOBODY, process.execPath, "--check", pathOf("base/clock.ts")]).status === 0;
const disk = isRoot ? await cloningDisk() : undefined;
const canMount = isRoot && (await canOverlay());

afterAll(async () => disk?.[Symbol.asyncDispose]());

const SETTINGS = [
  { title: "a server of root, by the best means", means: "best", uid: 0, where: () => tmpdir(), runs: canMount },
  { title: "a server of root, by copies", means: "copy", uid: 0, where: () => tmpdir(), runs: true },
  { title: "a server of root, by clones", means: "clones", uid: 0, where: () => disk?.path, runs: disk !== undefined },
  {
    title: "an ordinary account, by the best means",
    means: "best",
    uid: NOBODY,
    where: () => tmpdir(),
    runs: canChangeAccount,
  },
  {
    title: "an ordinary account on a disk that clones",
    means: "best",
    uid: NOBODY,
    where: () => disk?.path,
    runs: canChangeAccount && disk !== undefined,
  },
].filter(({ runs }) => runs);

const EXPECTED: Readonly<Record<string, string>> = {
  "a server of root, by the best means": "an overlay",
  "a server of root, by copies": "a copy",
  "a server of root, by clones": "clones",
  "an ordinary account, by the best means": "a copy",
  "an ordinary account on a disk that clones": "clones",
};

describe("a program that does everything to its data", () => {
  it.each(SETTINGS)("changes nothing that others see: $title", async ({ title, means, uid, where }) => {
    await using home = await homeIn(where() ?? tmpdir(), uid);
    const told = runAs(uid, home.path, means);
    expect(told.name).toBe(EXPECTED[title]);
    expect(told.statuses).toEqual([0, 0]);
    expect(told.seen.three).toEqual(Object.fromEntries(OBJECTS.map((key) => [key, contentOf(key)]).toSorted(byKey)));
    expect(told.seen.four).toEqual(told.seen.three);
    // The fourth run had all of it from the cache: no entry was found damaged.
    expect(told.cached).toBe(OBJECTS.length);
    expect(told.refused.length).toBe(
      ["an overlay", "clones", "a copy"].indexOf(told.name) * (means === "best" ? 1 : 0),
    );
  });
});

it.skipIf(!isRoot)("hard links would not hold, so that this suite sees what it is to see", async () => {
  await using home = await homeIn(tmpdir(), 0);
  const { seen } = runAs(0, home.path, "links");
  const isChanged = (key: string): boolean => seen.three[key] !== contentOf(key);
  expect(OBJECTS.filter(isChanged)).toEqual(
    expect.arrayContaining(["written", "appended", "truncated", "poked", "linked", "descriptor", "folder/inside"]),
  );
});

describe.skipIf(!canMount || disk === undefined)("a hundred runs on one bucket", () => {
  it.each(["best", "clones"])("take the disk of one copy, by the means '%s'", async (means) => {
    await using home = await homeIn(disk?.path ?? "", 0);
    const bytes = 8 * 1024 * 1024;
    for (const key of ["1", "2", "3"])
      await writeFile(join(home.path, "buckets", "mnist", key), Buffer.alloc(bytes, key));
    const hundred =
      PROGRAM.replace('const { view: name } = await stage("one");', "").split('await stage("two");')[0] ?? "";
    const stages = `await stage("first"); process.stdout.write("staged\\n"); process.stdin.once("data", async () => {
      for (let i = 0; i < 99; i += 1) await stage("run-" + i);
      process.exit(0);
    });`;
    // One copy is what the bucket itself takes; on a disk that clones, the cache shares even that.
    const one = 3 * bytes;
    const before = freeBytes(home.path);
    const ended = spawnSync(process.execPath, ["--input-type=module", "-e", hundred + stages, "--", home.path, means], {
      input: "go\n",
      encoding: "utf8",
    });
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(before - freeBytes(home.path)).toBeLessThanOrEqual(1.05 * one);
  });
});

describe.skipIf(!canMount)("removal", () => {
  it("never goes through a mount", async () => {
    await using home = await homeIn(tmpdir(), 0);
    const [kept, run] = [join(home.path, "kept"), join(home.path, "run folder")];
    for (const folder of [kept, join(run, "deep", "er")]) await mkdir(folder, { recursive: true });
    await writeFile(join(kept, "precious"), "still here");
    expect(spawnSync("mount", ["--bind", kept, join(run, "deep", "er")]).status).toBe(0);
    expect(await mountsBelow(run)).toHaveLength(1);
    await removeTree(run);
    expect(await readFile(join(kept, "precious"), "utf8")).toBe("still here");
    await expect(readFile(run)).rejects.toThrow("ENOENT");
  });
});

function runAs(uid: number, home: string, means: string): Told {
  const program = [process.execPath, "--input-type=module", "-e", PROGRAM, "--", home, means];
  const [command = "", ...args] = uid === 0 ? program : ["setpriv", ...AS_NOBODY, ...program];
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
  if (status !== 0) throw new Error(`The program ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Told;
}

async function homeIn(folder: string, uid: number) {
  const path = await mkdtemp(join(folder, "trainyard-view-"));
  const bucket = join(path, "buckets", "mnist");
  await mkdir(join(bucket, "folder"), { recursive: true });
  for (const key of OBJECTS) await writeFile(join(bucket, key), contentOf(key));
  for (const each of [path, join(path, "buckets"), bucket]) chownSync(each, uid, uid);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await unmountBelow(path);
      await rm(path, { recursive: true, force: true });
    },
  };
}

function freeBytes(folder: string): number {
  spawnSync("sync", ["-f", folder]);
  const { bfree, bsize } = statfsSync(folder);
  return bfree * bsize;
}

function contentOf(key: string): string {
  return `the data of ${key}\n`;
}

function byKey([a]: readonly string[], [b]: readonly string[]): number {
  return (a ?? "") < (b ?? "") ? -1 : 1;
}

function sourceOf(path: string): string {
  return new URL(`../../src/${path}`, import.meta.url).href;
}

function pathOf(path: string): string {
  return new URL(sourceOf(path)).pathname;
}

async function canOverlay(): Promise<boolean> {
  const { whyNoOverlay } = await import("../../src/staging/overlay-view.ts");
  const folder = await mkdtemp(join(tmpdir(), "trainyard-overlay-"));
  return (await whyNoOverlay(folder, join(folder, "probe"))) === null;
}

/** A disk of its own that can clone files; undefined where none can be made. */
async function cloningDisk() {
  const folder = await mkdtemp(join(tmpdir(), "trainyard-disk-"));
  const [image, path] = [join(folder, "image"), join(folder, "disk")];
  const dispose = async (): Promise<void> => {
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
  };
  await mkdir(path);
  const made = spawnSync("sh", [
    "-c",
    `truncate -s 400M ${image} && mkfs.xfs -q ${image} && mount -o loop ${image} ${path}`,
  ]);
  if (made.status !== 0) {
    await dispose();
    return undefined;
  }
  for (const each of [folder, path]) spawnSync("chmod", ["755", each]);
  return { path, [Symbol.asyncDispose]: dispose };
}
