import { accessSync, constants } from "node:fs";
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";

/** Something outside npm that a part of the tests needs. */
export interface Requirement {
  readonly name: string;
  /** What is left out without it. */
  readonly for: string;
  readonly packages: readonly string[];
  isThere(): boolean;
}

export function hasProgram(name: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false; // Not in this folder; the next one may have it.
    }
  });
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
    isThere: () => ["ceph-mon", "ceph-osd", "radosgw", "ceph", "radosgw-admin"].every(hasProgram),
  },
  {
    name: "python-frameworks",
    for: "training with PyTorch, scikit-learn and numpy",
    packages: ["python3-torch", "python3-sklearn", "python3-numpy", "libopenblas0-pthread"],
    isThere: () => hasPythonModules("torch", "sklearn", "numpy"),
  },
  {
    name: "info-zip",
    for: "archives made by zip and read by unzip",
    packages: ["zip", "unzip"],
    isThere: () => ["zip", "unzip"].every(hasProgram),
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
