import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMissing } from "../test/servers/programs.ts";
import { RADOSGW_PROGRAMS } from "../test/servers/radosgw.ts";
import { SWIFT_PROGRAMS } from "../test/servers/swift-keystone.ts";

/** Something outside npm that a part of the tests needs. */
export interface Requirement {
  readonly name: string;
  /** What is left out without it. */
  readonly for: string;
  readonly packages: readonly string[];
  isThere(): boolean;
}

function hasPrograms(...programs: readonly string[]): boolean {
  return findMissing(programs).length === 0;
}

/** Whether pip reaches the package index that it is configured for. Asked once: it takes a second. */
function hasPackageIndex(): boolean {
  packageIndex ??= (() => {
    const folder = mkdtempSync(join(tmpdir(), "trainyard-index-"));
    try {
      const words = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", folder, "six"];
      const retry = { PIP_RETRIES: "1", PIP_DEFAULT_TIMEOUT: "10" };
      return spawnSync("python3", words, { timeout: 30_000, env: { ...process.env, ...retry } }).status === 0;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  })();
  return packageIndex;
}
let packageIndex: boolean | undefined;

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "trainyard-mount-"));
  try {
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).status !== 0) return false;
    return spawnSync("umount", [folder]).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function hasPythonModules(...modules: readonly string[]): boolean {
  const program = `import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in ${JSON.stringify(modules)}))`;
  return spawnSync("/usr/bin/python3", ["-c", program]).status === 0;
}

/** Debian package names; `.ci/run` installs them all. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: "s3",
    for: "tests against a real S3 server",
    packages: ["ceph-mon", "ceph-osd", "radosgw", "ceph-common"],
    isThere: () => hasPrograms(...RADOSGW_PROGRAMS),
  },
  {
    name: "swift",
    for: "tests against a real OpenStack Swift with Keystone",
    packages: [
      "swift-proxy",
      "swift-account",
      "swift-container",
      "swift-object",
      "keystone",
      "python3-keystonemiddleware",
      "memcached",
      "uwsgi-core",
      "uwsgi-plugin-python3",
    ],
    isThere: () => hasPrograms(...SWIFT_PROGRAMS),
  },
  {
    name: "python-frameworks",
    for: "training with PyTorch, scikit-learn and numpy",
    packages: ["python3-torch", "python3-sklearn", "python3-numpy", "libopenblas0-pthread"],
    isThere: () => hasPythonModules("torch", "sklearn", "numpy"),
  },
  {
    name: "package-index",
    for: "environments that are built on first use",
    packages: ["python3-pip"],
    isThere: hasPackageIndex,
  },
  {
    name: "faketime",
    for: "tests of a server whose clock is set",
    packages: ["faketime"],
    isThere: () => hasPrograms("faketime"),
  },
  {
    name: "mount",
    for: "tests on a disk of a given size, which only root may mount",
    packages: ["mount"],
    isThere: canMount,
  },
  {
    name: "info-zip",
    for: "archives made by zip and read by unzip",
    packages: ["zip", "unzip"],
    isThere: () => hasPrograms("zip", "unzip"),
  },
  {
    name: "strace",
    for: "kills of the server from outside",
    packages: ["strace"],
    isThere: () => hasPrograms("strace"),
  },
  {
    name: "curl",
    for: "the pages that speak to the service without `bx`",
    packages: ["curl"],
    isThere: () => hasPrograms("curl"),
  },
];

/**
 * Tells a test whether what it needs is here. On a developer's machine a missing part is left out; with CI=true it
 * is an error, because a test that CI skips protects nobody.
 */
export function isAvailable(name: string): boolean {
  const requirement = REQUIREMENTS.find((candidate) => candidate.name === name);
  if (requirement === undefined) throw new Error(`No requirement is called '${name}'.`);
  const isThere = requirement.isThere();
  if (!isThere && process.env["CI"] === "true") {
    throw new Error(`CI must not leave out ${requirement.for}: install ${requirement.packages.join(" ")}`);
  }
  return isThere;
}
