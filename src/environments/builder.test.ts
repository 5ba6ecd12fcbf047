import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../base/clock.ts";
import { runCommand } from "./bounded-command.ts";
import type { CommandRunner } from "./bounded-command.ts";
import { BuiltEnvironments } from "./built-environments.ts";
import { EnvironmentBuilder } from "./builder.ts";
import type { BuildOrder } from "./build-order.ts";

const never = new AbortController().signal;

/**
 * Does what uv does as far as a builder sees it, without any network: a lock is what was asked for, an environment is
 * a `python` that answers the probe. `hold` in its folder makes an installation wait, `fail` makes it fail.
 */
const UV = `#!/bin/sh
state=$(dirname "$0")
echo "$*" >> "$state/calls"
case "$1 $2" in
"--version "*) echo "uv 9.9.9" ;;
"pip compile")
  grep -q impossible "$3" && { echo "error: No solution found when resolving dependencies" >&2; exit 1; }
  grep -q offline "$3" && { echo "error: Failed to fetch: https://ann:canary@index.example/" >&2; exit 2; }
  in=$3
  while [ "$1" != --output-file ]; do shift; done
  sed 's/$/==1.0/' "$in" > "$2" ;;
"venv --python")
  mkdir -p "$4/bin"
  printf '#!/bin/sh\\nexec /bin/sh %s/probe "$@"\\n' "$state" > "$4/bin/python"
  chmod +x "$4/bin/python" ;;
"pip install")
  echo "Preparing packages" >&2
  while [ -e "$state/hold" ]; do sleep 0.01; done
  [ -e "$state/fail" ] && { echo "  x Failed to install a wheel" >&2; exit 1; }
  echo "Installed everything" >&2 ;;
esac
`;

const PROBE = `
echo 'trainyard-probe {"kind":"interpreter","executable":"/e/bin/python","version":"3.11.7"}'
shift 2
for module in "$@"; do echo 'trainyard-probe {"kind":"importing","module":"'$module'"}'
  [ -e "$(dirname "$0")/broken" ] && exit 1
  echo 'trainyard-probe {"kind":"module","module":"'$module'","version":"1.0.3"}'
done
`;

const ORDER: BuildOrder = {
  framework: "numpy",
  module: "numpy",
  atStart: null,
  choices: [["numpy"]],
  pythons: [{ interpreter: "/usr/bin/python3", version: "3.11.7" }],
  isSpecial: false,
};

async function setup(run: CommandRunner = runCommand) {
  const root = await mkdtemp(join(tmpdir(), "trainyard-builder-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const tools = join(root, "bin");
  await mkdir(tools);
  await writeFile(join(tools, "uv"), UV, { mode: 0o755 });
  await writeFile(join(tools, "probe"), PROBE);
  const folders = new BuiltEnvironments(join(root, "environments"));
  const search = {
    run,
    searchPath: tools,
    toolsFolder: join(root, "tools"),
    env: { PATH: "/usr/bin:/bin" },
    pythons: [],
  };
  const make = (timeLimitMs = 20_000): EnvironmentBuilder =>
    new EnvironmentBuilder({ folders, run, clock: systemClock, timeLimitMs, installerSearch: async () => search });
  return {
    folders,
    builder: make(),
    make,
    flag: (name: string) => writeFile(join(tools, name), ""),
    unflag: (name: string) => rm(join(tools, name)),
    calls: async (word: string) =>
      (await readFile(join(tools, "calls"), "utf8")).split("\n").filter((line) => line.includes(word)).length,
    names: async () => (await readdir(join(root, "environments")).catch(() => [])).toSorted((a, b) => (a < b ? -1 : 1)),
  };
}

/** The lines that one who waits is told; `begun` once the packages are being installed. */
function lineWatch() {
  const lines: string[] = [];
  const seen = Promise.withResolvers<string>();
  return {
    lines,
    onLine: (line: string) => {
      lines.push(line);
      if (line === "Preparing packages") seen.resolve(line);
    },
    begun: seen.promise,
  };
}

test("an order is locked, built, checked and remembered, with its log", async () => {
  const { builder, folders, names } = await setup();
  const locked = await builder.lock(ORDER, never);
  expect(locked.lock).toBe(`# Python 3.11.7 on ${process.platform} ${process.arch}\nnumpy==1.0\n`);
  const { lines, onLine } = lineWatch();
  const built = await builder.build(locked, onLine, never);
  expect(built).toMatchObject({ id: locked.id, framework: "numpy", version: "1.0.3", requirements: ["numpy"] });
  expect(await folders.readLock(built.id)).toBe(locked.lock);
  expect(await folders.list()).toEqual([built]);
  expect(await names()).toEqual([built.id, `${built.id}.log`]);
  expect(lines).toEqual([
    `Building environment ${built.id} for Python 3.11.7 (/usr/bin/python3) with ${built.builtBy}`,
    "Requirements: numpy",
    "Preparing packages",
    "Installed everything",
    expect.stringMatching(/^Built environment [0-9a-f]{16} in \d+\.\d s$/),
  ]);
  expect((await readFile(folders.logPath(built.id), "utf8")).trim().split("\n")).toEqual(lines);
});

test("however many ask, the index is asked once and the environment is built once", async () => {
  const { builder, calls, flag, unflag } = await setup();
  await flag("hold");
  const watches = Array.from({ length: 8 }, lineWatch);
  const builds = watches.map(async ({ onLine }) => builder.build(await builder.lock(ORDER, never), onLine, never));
  await Promise.all(watches.map(({ begun }) => begun));
  const late = lineWatch();
  const lateBuild = builder.build(await builder.lock(ORDER, never), late.onLine, never);
  await late.begun;
  await unflag("hold");
  const built = await Promise.all([...builds, lateBuild]);
  expect(new Set(built.map(({ id }) => id)).size).toBe(1);
  expect([await calls("pip compile"), await calls("pip install")]).toEqual([1, 1]);
  for (const { lines } of [...watches, late]) expect(lines).toEqual(late.lines);
});

test("a build ends when the last who waits has left, and not before", async () => {
  const { builder, flag, unflag, names, folders, calls } = await setup();
  await flag("hold");
  const locked = await builder.lock(ORDER, never);
  const waits = [new AbortController(), new AbortController()];
  const watches = waits.map(lineWatch);
  const builds = waits.map(({ signal }, i) => builder.build(locked, watches[i]?.onLine ?? (() => {}), signal));
  await Promise.all(watches.map(({ begun }) => begun));
  waits[0]?.abort(new Error("stopped"));
  await expect(builds[0]).rejects.toThrow("stopped");
  expect(builder.building).toEqual([locked.id]);
  waits[1]?.abort(new Error("stopped too"));
  await expect(builds[1]).rejects.toThrow("stopped too");
  // Who comes now waits for the old build to be cleared away, and gets a new one.
  await unflag("hold");
  const built = await builder.build(locked, () => {}, never);
  expect(await calls("pip install")).toBe(2);
  expect(await names()).toEqual([built.id, `${built.id}.log`]);
  expect(await readFile(folders.logPath(built.id), "utf8")).not.toContain("Aborted");
});

test("what a crash left half built is never taken for whole, and the next build removes it", async () => {
  const { builder, folders } = await setup();
  const locked = await builder.lock(ORDER, never);
  const folder = folders.folder(locked.id);
  await mkdir(join(folder, "bin"), { recursive: true });
  await writeFile(join(folder, "bin/python"), "#!/bin/sh\n", { mode: 0o755 });
  await writeFile(join(folder, "left over"), "");
  expect(await folders.find(locked.id)).toBeUndefined();
  expect(await folders.list()).toEqual([]);
  await builder.build(locked, () => {}, never);
  expect(existsSync(join(folder, "left over"))).toBe(false);
});

test("an environment whose Python is gone is built again", async () => {
  const { builder, folders, calls } = await setup();
  const locked = await builder.lock(ORDER, never);
  await builder.build(locked, () => {}, never);
  await rm(join(folders.folder(locked.id), "bin/python"));
  expect(await folders.find(locked.id)).toBeUndefined();
  await builder.build(locked, () => {}, never);
  expect(await calls("pip install")).toBe(2);
});

test.each([
  ["impossible", "unresolvable", "the package index has nothing that fits"],
  ["offline", "index_unreachable", "the package index did not answer"],
])("a requirement that is %s is told as %s, without passwords", async (requirement, trouble, words) => {
  const { builder } = await setup();
  const failure = await builder.lock({ ...ORDER, choices: [[requirement]] }, never).catch((error: unknown) => error);
  expect(failure).toMatchObject({ trouble, message: expect.stringContaining(words) });
  expect(JSON.stringify(failure)).not.toContain("canary");
});

test("a long lock is whole", async () => {
  const { builder } = await setup();
  const many = Array.from({ length: 5_000 }, (_, i) => `package-with-a-long-name-${i}`);
  const { lock } = await builder.lock({ ...ORDER, choices: [many] }, never);
  expect(lock.trim().split("\n")).toHaveLength(many.length + 1);
});

test("the first list that can be resolved is taken", async () => {
  const { builder } = await setup();
  const locked = await builder.lock({ ...ORDER, choices: [["impossible"], ["numpy", "scipy"]] }, never);
  expect(locked.requirements).toEqual(["numpy", "scipy"]);
});

test.each([
  ["fail", { trouble: "install_failed", lastLines: ["Preparing packages", "  x Failed to install a wheel"] }],
  ["broken", { trouble: "does_not_work", message: expect.stringContaining("numpy cannot be imported") }],
])(
  "a build that meets '%s' fails for everybody, leaves its log only, and may be tried again",
  async (flagged, facts) => {
    const { builder, flag, unflag, names, folders } = await setup();
    const locked = await builder.lock(ORDER, never);
    await flag(flagged);
    const builds = await Promise.allSettled([1, 2].map(() => builder.build(locked, () => {}, never)));
    for (const build of builds) expect(build).toMatchObject({ status: "rejected", reason: facts });
    expect(await names()).toEqual([`${locked.id}.log`]);
    expect(await readFile(folders.logPath(locked.id), "utf8")).toMatch(/^Failed: /m);
    await unflag(flagged);
    await builder.build(locked, () => {}, never);
  },
);

test("a step that takes too long is ended", async () => {
  const { make, flag, names } = await setup();
  const builder = make(500);
  const locked = await builder.lock(ORDER, never);
  await flag("hold");
  await expect(builder.build(locked, () => {}, never)).rejects.toMatchObject({ trouble: "timed_out" });
  expect(await names()).toEqual([`${locked.id}.log`]);
});

test("an environment is removed with its log, and only one of ours", async () => {
  const { builder, folders, names } = await setup();
  const locked = await builder.lock(ORDER, never);
  await builder.build(locked, () => {}, never);
  expect(await folders.remove(locked.id)).toBe(true);
  expect(await names()).toEqual([]);
  expect(await folders.remove(locked.id)).toBe(false);
  for (const id of ["..", "tools", "../../etc", ""]) expect(await folders.remove(id)).toBe(false);
});
