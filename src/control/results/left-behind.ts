import type { Dirent } from "node:fs";
import { opendir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { ArchiveLimits } from "../../archive/archive-limits.ts";
import { inspectArchive } from "../../archive/inspect-archive.ts";
import type { Run } from "../../domain/run.ts";
import { archiveIn, type Definitions } from "../removal/definitions.ts";
import type { RunDirectory } from "../run/run-directory.ts";

const NAMED = 5;
/** Beyond this many files and folders nobody reads on. */
const LOOKED_AT = 20_000;
/** What interpreters leave by themselves is nobody's result. */
const LITTER = new Set(["__pycache__", ".ipynb_checkpoints", ".pytest_cache"]);

export interface LeftBehindParts {
  readonly definitions: Definitions;
  readonly archiveLimits: Partial<ArchiveLimits>;
}

/**
 * Files that the program made in its working folder, which are not stored: only what is in RESULT_DIR is. A model that
 * was saved to the wrong place must not be lost without a word. Null when there are none, or the program never ran.
 */
export async function findLeftBehind(
  parts: LeftBehindParts,
  directory: RunDirectory,
  run: Run,
): Promise<string | null> {
  if (run.startedAt === null) return null;
  const options = { ...parts.archiveLimits, command: run.spec.command };
  const { files } = await inspectArchive(archiveIn(await parts.definitions.contentOf(run)), options);
  const submitted = new Set(files.map(({ path }) => path));
  const found: string[] = [];
  let count = 0;
  for await (const path of filesIn(directory.code)) {
    const name = relative(directory.code, path);
    if (submitted.has(name)) continue;
    count += 1;
    if (found.length < NAMED) found.push(`'${name}'`);
  }
  if (count === 0) return null;
  const more = count > found.length ? ` and ${count - found.length} more` : "";
  return (
    `The program left ${found.toSorted().join(", ")}${more} in its working folder. Only what is in $RESULT_DIR is stored; ` +
    `these files are kept on the server in ${directory.code} for as long as it keeps the run.`
  );
}

/** Plain files, at most so many looked at. Links lead to the training data, or wherever a program wanted; they are not followed. */
async function* filesIn(root: string): AsyncGenerator<string> {
  const folders = [root];
  let left = LOOKED_AT;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await entriesOf(folder)) {
      if ((left -= 1) < 0) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !LITTER.has(entry.name)) folders.push(path);
      else if (entry.isFile()) yield path;
    }
  }
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      entries.push(entry);
      if (entries.length === LOOKED_AT) break;
    }
  } catch {
    // A folder that the program closed to us: what is in it cannot be named.
  }
  return entries;
}
