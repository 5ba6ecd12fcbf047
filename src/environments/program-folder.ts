import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { mkdir, mkdtemp, open, rename, rm } from "../base/world-files.ts";
import type { Environment } from "./environment.ts";
import { isFolder } from "./interpreter-places.ts";

const DRAFT = ".programs-";

/** Removes what a server that died over it has left. Only while no other server of this home lives. */
export async function removeDrafts(parentDirectory: string): Promise<void> {
  const drafts = (await readdir(parentDirectory)).filter((name) => name.startsWith(DRAFT));
  for (const name of drafts) await rm(join(parentDirectory, name), { recursive: true, force: true });
}

/**
 * Makes the folder that stands first in a learner's PATH and gives the environment's programs their names: one
 * wrapper script for each. The folder is named by its content, so calling again, also at the same time, gives the
 * same folder, and one that a running learner uses never changes.
 */
export async function writeProgramFolder(
  environment: Pick<Environment, "programs">,
  parentDirectory: string,
): Promise<string> {
  const programs = Object.entries(environment.programs).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256").update(JSON.stringify(programs)).digest("hex").slice(0, 16);
  const folder = join(parentDirectory, `programs-${hash}`);
  if (await isFolder(folder)) return folder;

  await mkdir(parentDirectory, { recursive: true });
  const draft = await mkdtemp(join(parentDirectory, DRAFT));
  try {
    for (const [name, target] of programs) await writeWrapper(join(draft, name), target);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Somebody else was faster; the folder's name promises the same content.
    if (!(await isFolder(folder))) throw error;
  }
  return folder;
}

// A script and not a link: Python finds its packages from the path by which it was called, and from a link in
// another folder it may find none.
async function writeWrapper(path: string, target: string): Promise<void> {
  await using file = await open(path, "wx", 0o755);
  await file.writeFile(`#!/bin/sh\nexec ${quoteForShell(target)} "$@"\n`);
  // After a power cut an empty wrapper would run, do nothing, and exit 0: a run that "completed" without training.
  await file.sync();
}

/** One word for a POSIX shell, whatever the text holds. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
