import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Benchmark } from "./harness.ts";
import type { Report } from "./report.ts";
import { makeTemporaryFolder, ROOT } from "./service.ts";

/** What somebody who installs the package gets: how many others come with it, and how large all of it is. */
export const install: Benchmark = {
  name: "install",
  goal: "installed size, number of runtime packages, the packed package",
  measure: async (report, { full }) => {
    await measureDependencies(report);
    await measurePackage(report);
    if (full) await measureCleanInstall(report);
  },
};

/** Of npm's lock file; the key is a folder below the root, such as `node_modules/a/node_modules/b`. */
interface LockedPackage {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
}
type Locked = Readonly<Record<string, LockedPackage>>;

async function measureDependencies(report: Report): Promise<void> {
  const { packages } = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")) as { packages: Locked };
  const folders = runtimeFolders(packages);
  const sizes = await Promise.all(folders.map(async (folder) => ({ folder, ...(await sizeOf(join(ROOT, folder))) })));
  const total = (figure: "bytes" | "diskBytes" | "files") => sizes.reduce((sum, size) => sum + size[figure], 0);
  report.figure("runtime packages", "", folders.length);
  report.figure("with an install script", "", folders.filter((folder) => packages[folder]?.hasInstallScript).length);
  report.figure("installed", " MB", total("bytes") / 1e6);
  report.figure("on disk, in blocks", " MB", total("diskBytes") / 1e6);
  report.figure("installed files", "", total("files"));
  const largest = sizes.toSorted((a, b) => b.bytes - a.bytes).slice(0, 8);
  const shown = largest.map(
    ({ folder, bytes }) => `${folder.replace("node_modules/", "")} ${(bytes / 1e6).toFixed(1)}`,
  );
  report.fact("the largest, in MB", shown.join(", "));
}

/** Every package that `dependencies` of the root lead to; what only the checkout needs is not among them. */
function runtimeFolders(packages: Locked): readonly string[] {
  const found = new Set<string>();
  const follow = (from: string): void => {
    const { dependencies = {}, optionalDependencies = {} } = packages[from] as LockedPackage;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const folder = resolvePackage(packages, from, name);
      if (folder === undefined || found.has(folder)) continue;
      found.add(folder);
      follow(folder);
    }
  };
  follow("");
  return [...found].toSorted();
}

/** As Node looks for a package: in the own folder, then in each one around it. */
function resolvePackage(packages: Locked, from: string, name: string): string | undefined {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf("node_modules/") - 1))) {
    const folder = place === "" ? `node_modules/${name}` : `${place}/node_modules/${name}`;
    if (packages[folder] !== undefined) return folder;
    if (place === "") return undefined; // An optional one that was not locked for any platform.
  }
}

/** Without packages that lie inside: they count for themselves. */
async function sizeOf(folder: string): Promise<{ bytes: number; diskBytes: number; files: number }> {
  const size = { bytes: 0, diskBytes: 0, files: 0 };
  // Another platform's optional package.
  if (!existsSync(folder)) return size;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name === "node_modules") continue;
      const inner = await sizeOf(path);
      size.bytes += inner.bytes;
      size.diskBytes += inner.diskBytes;
      size.files += inner.files;
    } else {
      const { size: bytes, blocks } = await stat(path);
      size.bytes += bytes;
      size.diskBytes += blocks * 512;
      size.files += 1;
    }
  }
  return size;
}

/** Packs a copy: the build that belongs to packing must not appear in the checkout. */
async function measurePackage(report: Report): Promise<void> {
  await using folder = await makeTemporaryFolder("pack");
  const { files } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { files: readonly string[] };
  const present = ["package.json", "README.md", "LICENSE", ...files].filter((name) => existsSync(join(ROOT, name)));
  for (const name of present.filter((file) => file !== "dist")) {
    await cp(join(ROOT, name), join(folder.path, name), { recursive: true });
  }
  const build = [
    "-p",
    join(ROOT, "tsconfig.build.json"),
    "--outDir",
    join(folder.path, "dist"),
    "--incremental",
    "false",
  ];
  const built = call(join(ROOT, "node_modules", ".bin", "tsc"), [...build, "--tsBuildInfoFile", "null"], ROOT);
  if (built.status !== 0) return report.leftOut("the packed package", `it does not compile: ${built.firstLine}`);
  const packed = call("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], folder.path);
  if (packed.status !== 0) return report.leftOut("the packed package", `npm pack failed: ${packed.firstLine}`);
  const [facts] = JSON.parse(packed.stdout) as [{ size: number; unpackedSize: number; entryCount: number }];
  report.figure("packed package", " kB", facts.size / 1000);
  report.figure("unpacked package", " kB", facts.unpackedSize / 1000);
  report.figure("files in the package", "", facts.entryCount);
}

/** `npm ci` of a checkout, development tools included; what the registry sent before may come from npm's cache. */
async function measureCleanInstall(report: Report): Promise<void> {
  await using folder = await makeTemporaryFolder("install");
  for (const name of ["package.json", "package-lock.json", ".npmrc", "tools/node/package.json"]) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await cp(join(ROOT, name), join(folder.path, name));
  }
  const startMs = performance.now();
  const { status, firstLine } = call("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], folder.path);
  if (status !== 0) return report.leftOut("npm ci", firstLine);
  report.figure("npm ci, from a warm cache", " s", (performance.now() - startMs) / 1000);
}

function call(program: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return { status, stdout, firstLine: `${stdout}${stderr}`.trim().split("\n", 1)[0] ?? "" };
}
