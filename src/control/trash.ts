import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isRunId } from "../domain/run-id.ts";
import type { Store } from "../store/store.ts";
import { runDirectory } from "./run-directory.ts";

/**
 * Removes runs so that a crash at any point leaves either the whole run or nothing of it:
 * the directory steps aside into `home/trash/`, then the row goes, then the files.
 */
export class Trash {
  readonly #home: string;
  readonly #store: Store;

  constructor(home: string, store: Store) {
    this.#home = home;
    this.#store = store;
  }

  /** Removes an ended run with its directory. False when there is no such run; rejects with `run_not_ended` when it lives. */
  async remove(id: string): Promise<boolean> {
    const aside = this.#path(id);
    await mkdir(join(this.#home, "trash"), { recursive: true });
    const hadDirectory = await moveIfThere(runDirectory(this.#home, id).root, aside);
    try {
      return await this.#store.deleteRun(id);
    } catch (error) {
      if (hadDirectory) await rename(aside, runDirectory(this.#home, id).root);
      throw error;
    } finally {
      if ((await this.#store.findRun(id)) === undefined) await empty(aside);
    }
  }

  /** After a crash: directories whose run is still there go back, the others go for good. */
  async recover(): Promise<void> {
    const names = await readdir(join(this.#home, "trash")).catch(() => []);
    for (const id of names.filter(isRunId)) {
      if ((await this.#store.findRun(id)) === undefined) await empty(this.#path(id));
      else await moveIfThere(this.#path(id), runDirectory(this.#home, id).root);
    }
  }

  #path(id: string): string {
    return join(this.#home, "trash", id);
  }
}

async function moveIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function empty(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 2 });
}
