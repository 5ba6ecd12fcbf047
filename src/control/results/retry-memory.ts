import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../base/sync-folder.ts";
import { mkdir, rm, writeFile } from "../../base/world-files.ts";

/** Which runs' results are to be stored again, for the server after this one. A promise that resolved is on disk. */
export interface RetryMemory {
  add(id: string): Promise<void>;
  /** May be repeated. */
  remove(id: string): Promise<void>;
  list(): Promise<readonly string[]>;
}

/** An empty file for each of them, in a folder of the home that a server can read at its start without looking at all runs. */
export function retryMemoryIn(home: string): RetryMemory {
  const folder = join(home, "results-retries");
  return {
    add: async (id) => {
      if ((await mkdir(folder, { recursive: true })) !== undefined) await syncFolder(home);
      await writeFile(join(folder, id), "");
      await syncFolder(folder);
    },
    remove: async (id) => rm(join(folder, id), { force: true }),
    list: async () => readdir(folder).catch(() => []), // Nobody ever asked for one.
  };
}
