import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** The folders of a home that everything else expects to be there. */
const FOLDERS = ["buckets", "definitions", "environments", "runs", "tmp", "trash"];

/** Makes the home's folders; for this user only, since runs' data and logs are in them. May be repeated. */
export async function prepareHome(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  for (const folder of FOLDERS) await mkdir(join(home, folder), { recursive: true, mode: 0o700 });
}

/** Uploads that a server before this one did not finish. Only for the holder of the home's lock. */
export async function removeUnfinishedUploads(home: string): Promise<void> {
  const folder = join(home, "tmp");
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}
