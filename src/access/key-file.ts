import { randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { link, open, unlink } from "../base/world-files.ts";
import { syncFolder } from "../base/sync-folder.ts";
import { keyFileRefused } from "../domain/errors.ts";

/** The text of a file that only the server's user may see; undefined when there is none. */
export async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      throw keyFileRefused(path, `other users of this machine may use it (mode ${octal})`, `Run: chmod 600 ${path}`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Makes the file with mode 0600, synced to disk with its name: after a crash it is there whole or not at all.
 * False when somebody else made one first, which is then left alone.
 */
export async function createKeyFile(path: string, text: string): Promise<boolean> {
  const draft = `${path}.draft-${randomBytes(6).toString("hex")}`;
  try {
    {
      await using file = await open(draft, "wx", 0o600);
      await file.writeFile(text);
      await file.sync();
    }
    // A link, unlike a rename, never takes the place of another file.
    await link(draft, path);
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await unlink(draft).catch(() => undefined);
  }
  await syncFolder(dirname(path));
  return true;
}

/** A key file that a crash kept from getting, or from losing, its second name. It may hold a key that is in use. */
export function isKeyDraft(name: string): boolean {
  return /\.draft-[0-9a-f]{12}$/.test(name);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
