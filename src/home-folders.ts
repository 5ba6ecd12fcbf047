import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mkdir, rm } from "./base/world-files.ts";
import { isKeyDraft } from "./access/key-file.ts";
import { homeUnusable } from "./domain/errors.ts";
import { removeDrafts } from "./environments/program-folder.ts";

/** The folders of a home that everything else expects to be there. */
const FOLDERS = ["buckets", "definitions", "environments", "runs", "tmp", "trash"];

/** Makes the home's folders; for this user only, since runs' data and logs are in them. May be repeated. */
export async function prepareHome(home: string): Promise<void> {
  try {
    await makeFolder(home);
    for (const folder of FOLDERS) await makeFolder(join(home, folder));
  } catch (error) {
    throw homeUnusable(home, (error as NodeJS.ErrnoException).code ?? String(error), error);
  }
}

/** One level after the other: the recursive form of `mkdir` never ends where a file system answers ENOENT for a parent that is there (/proc). */
async function makeFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else was faster, or something that is no folder is in the way.
    const isFolder = await stat(path).then(
      (made) => made.isDirectory(),
      () => false,
    );
    if (!isFolder) throw error;
  }
}

/** Uploads, key files and program folders that a server before this one did not finish. Only for the holder of the home's lock. */
export async function removeUnfinished(home: string): Promise<void> {
  const folder = join(home, "tmp");
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  const drafts = (await readdir(home)).filter((name) => isKeyDraft(name));
  for (const name of drafts) await rm(join(home, name), { force: true });
  await removeDrafts(join(home, "environments"));
}
