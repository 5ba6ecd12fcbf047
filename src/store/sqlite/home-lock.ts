import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { mkdir } from "../../base/world-files.ts";
import { homeInUse } from "../../domain/errors.ts";
import { makePrivateFile } from "./private-file.ts";
import { isBusy, translateSqliteError } from "./sqlite-trouble.ts";

/** The right to be the one server of a home. */
export interface HomeLock extends Disposable {
  release(): void;
}

/**
 * Takes the home for this process, or throws `home_in_use`. Makes the home if it is not there.
 *
 * The lock is SQLite's on a file of its own, `server.lock`, held by an exclusive transaction that never ends. The
 * kernel takes it back with the process, however that dies, so there is no stale lock and no pid to guess about.
 */
export async function acquireHomeLock(home: string): Promise<HomeLock> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const path = join(home, "server.lock");
  await makePrivateFile(path);
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec("pragma locking_mode = exclusive; begin exclusive");
  } catch (error) {
    lock.close();
    throw isBusy(error) ? homeInUse(home, await describeHolder(home)) : translateSqliteError(error, path);
  }
  const release = () => {
    if (lock.isOpen) lock.close();
  };
  return { release, [Symbol.dispose]: release };
}

/** What the holder said about itself in `server.json`, which is there once it is ready. */
async function describeHolder(home: string): Promise<string> {
  const text = await readFile(join(home, "server.json"), "utf8").catch(() => "{}");
  try {
    const { pid, url } = JSON.parse(text) as { pid?: unknown; url?: unknown };
    if (typeof pid === "number" && typeof url === "string") return `process ${pid} at ${url}`;
  } catch {
    // A file that is being written at this moment: the holder is starting.
  }
  return "it is just starting";
}
