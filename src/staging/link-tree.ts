import { lstatSync } from "node:fs";
import { dirname } from "node:path";
import { linkSync, mkdirSync, unlinkSync } from "../base/world-files.ts";
import { codeOf } from "../datastores/file-trouble.ts";
import { RemoteError } from "../datastores/remote-error.ts";

/** How many folders are remembered as made, so that a flat bucket costs one `mkdir` and not one per object. */
const REMEMBERED_FOLDERS = 10_000;

/**
 * A folder that was empty, as it fills with links to files, each under its object's path. The file system itself is
 * asked whether two paths are one, so that its own rules (upper and lower case, Unicode forms) decide; which comes
 * first does not change the outcome. An empty file whose path is also the folder of others (some tools mark folders so)
 * gives way to the folder. One call costs some microseconds, less than handing it to another thread.
 */
export class LinkTree {
  readonly #root: string;
  readonly #label: string;
  readonly #made = new Set<string>();

  constructor(root: string, label: string) {
    this.#root = root;
    this.#label = label;
  }

  makeFolder(path: string): void {
    if (path === "." || this.#made.has(path)) return;
    // Two rounds are enough: the way up to the folder is cleared whole.
    for (let round = 1; ; round += 1) {
      try {
        mkdirSync(`${this.#root}/${path}`, { recursive: true });
        break;
      } catch (error) {
        if ((codeOf(error) !== "EEXIST" && codeOf(error) !== "ENOTDIR") || round === 2) throw error;
        this.#clearWay(path);
      }
    }
    if (this.#made.size >= REMEMBERED_FOLDERS) this.#made.clear();
    this.#made.add(path);
  }

  /** Shows the file `source` under `path`, unless it is empty and there is a folder. */
  add(source: string, path: string): void {
    this.makeFolder(dirname(path));
    const target = `${this.#root}/${path}`;
    try {
      // Unlike a rename, a link never replaces: neither this name nor one the file system takes for the same.
      linkSync(source, target);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      if (lstatSync(target).isDirectory() && lstatSync(source).size === 0) return;
      throw this.#collision(path);
    }
  }

  /** Removes an empty file that stands where a folder must be; any other file there is a collision. */
  #clearWay(path: string): void {
    const names = path.split("/");
    for (let depth = 1; depth <= names.length; depth += 1) {
      const inTheWay = names.slice(0, depth).join("/");
      const facts = lstatSync(`${this.#root}/${inTheWay}`, { throwIfNoEntry: false });
      if (facts === undefined) return;
      if (facts.isDirectory()) continue;
      if (facts.size > 0) throw this.#collision(inTheWay);
      unlinkSync(`${this.#root}/${inTheWay}`);
      return;
    }
  }

  #collision(path: string): RemoteError {
    return new RemoteError(
      "invalid",
      `Two objects of ${this.#label} would be the same file: '${path}' is taken already, by a key that is a folder of ` +
        "others or differs only in what this file system does not tell apart. Rename one of them.",
      { retryable: false },
    );
  }
}
