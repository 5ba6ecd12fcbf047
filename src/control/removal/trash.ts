import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { rename } from "../../base/world-files.ts";
import { syncFolder } from "../../base/sync-folder.ts";
import { isRunId } from "../../domain/run-id.ts";
import type { Store } from "../../store/store.ts";
import { onDisk } from "../run/disk-trouble.ts";
import { messageOf } from "../run/failures.ts";
import { removeTree } from "../run/remove-tree.ts";
import { runDirectory } from "../run/run-directory.ts";
import type { ServiceLog } from "../run/service-log.ts";

/**
 * Removes runs so that a crash at any point leaves either the whole run or nothing of it:
 * the directory steps aside into `home/trash/`, then the row goes, then the files. Whatever lies in the trash is
 * judged by the row alone: while there is one the directory belongs back, and else it may go.
 */
export class Trash {
  readonly #home: string;
  readonly #store: Store;
  readonly #log: ServiceLog;

  constructor(home: string, store: Store, log: ServiceLog) {
    this.#home = home;
    this.#store = store;
    this.#log = log;
  }

  /**
   * Removes an ended run with its directory, if it is still the version named. False when there is no such run; rejects
   * with `run_not_ended` when it lives and with `version_conflict` when somebody changed it.
   */
  async remove(id: string, version: number): Promise<boolean> {
    await onDisk(`the directory of run '${id}'`, () => move(runDirectory(this.#home, id).root, this.#path(id)));
    try {
      return await this.#store.deleteRun(id, version);
    } finally {
      await this.#settle(id);
    }
  }

  /** After a crash: directories whose run is still there go back, the others go for good. */
  async recover(): Promise<void> {
    const names = await readdir(join(this.#home, "trash"));
    for (const id of names.filter(isRunId)) await this.#settle(id);
  }

  async #settle(id: string): Promise<void> {
    const aside = this.#path(id);
    if ((await this.#store.findRun(id)) !== undefined) return move(aside, runDirectory(this.#home, id).root);
    try {
      await removeTree(aside);
    } catch (error) {
      // The run is gone all the same, and neither its user nor the start of a server should fail for the space it takes.
      this.#log.error({ folder: aside, error: messageOf(error) }, "the files of a removed run could not be removed");
    }
  }

  #path(id: string): string {
    return join(this.#home, "trash", id);
  }
}

/** Durable before it resolves; nothing where there is nothing to move. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await syncFolder(dirname(to));
  await syncFolder(dirname(from));
}
