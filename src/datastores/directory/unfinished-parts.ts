import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { rm } from "../../base/world-files.ts";
import { randomText } from "../../base/random-text.ts";
import { PART_PREFIX } from "../key-path.ts";

/** The hidden name that content for a key is written under. It tells the key's top folder, so that what a crash left can be told from what others write. */
export function partName(key: string): string {
  return partsOf(key) + randomText(12);
}

/** Removes what unfinished puts left behind of keys in the top folder that `prefix` begins with. */
export async function removeParts(bucket: string, prefix: string): Promise<void> {
  for (const name of await readdir(bucket)) {
    if (name.startsWith(partsOf(prefix))) await rm(join(bucket, name), { force: true });
  }
}

/** A hash, since a folder's name may be as long as a file system takes. */
function partsOf(key: string): string {
  const [top = ""] = key.split("/", 1);
  return `${PART_PREFIX}${createHash("sha256").update(top).digest("hex").slice(0, 16)}-`;
}
