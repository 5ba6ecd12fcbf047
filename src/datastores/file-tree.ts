import { lstat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { link, mkdir, rm, unlink } from "../base/world-files.ts";
import { codeOf } from "./file-trouble.ts";
import { RemoteError } from "./remote-error.ts";

/** How many folders are remembered as made, so that a flat bucket costs one `mkdir` and not one per object. */
const REMEMBERED_FOLDERS = 10_000;

/** Several objects may clear the same way at once; each round but the first answers one that was faster. */
const MAX_ROUNDS = 20;

/**
 * The files of a bucket as they come to lie in a folder that was empty. The file system itself is asked whether two
 * keys are one file, so that its own rules (upper and lower case, Unicode forms) decide. All methods may be called at
 * once; which object comes first does not change the outcome. An empty object whose key is also the folder of other
 * objects (some tools mark folders so) gives way to the folder; the methods give the keys that did.
 */
export class FileTree {
  readonly #root: string;
  readonly #label: string;
  readonly #made = new Set<string>();

  constructor(root: string, label: string) {
    this.#root = root;
    this.#label = label;
  }

  /** Makes the folder `path` and those above it. */
  async makeFolder(path: string): Promise<string[]> {
    const folder = join(this.#root, path);
    if (this.#made.has(folder)) return [];
    const gaveWay: string[] = [];
    for (let round = 1; ; round += 1) {
      try {
        await mkdir(folder, { recursive: true });
        break;
      } catch (error) {
        if ((codeOf(error) !== "EEXIST" && codeOf(error) !== "ENOTDIR") || round === MAX_ROUNDS) throw error;
        const cleared = await this.#clearWay(path);
        if (cleared !== undefined) gaveWay.push(cleared);
      }
    }
    if (this.#made.size >= REMEMBERED_FOLDERS) this.#made.clear();
    this.#made.add(folder);
    return gaveWay;
  }

  /** Gives the finished file `part` its name `path`. This object itself may be the one that gives way. */
  async place(part: string, path: string): Promise<string[]> {
    const parent = dirname(path);
    const gaveWay = parent === "." ? [] : await this.makeFolder(parent);
    const target = join(this.#root, path);
    try {
      // Unlike a rename, a link never replaces: neither this name nor one the file system takes for the same.
      await link(part, target);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      if ((await lstat(target)).isDirectory() && (await lstat(part)).size === 0) return [...gaveWay, path];
      throw this.#collision(path);
    }
    await rm(part);
    return gaveWay;
  }

  /** Removes an empty file that stands where a folder must be; any other file there is a collision. */
  async #clearWay(path: string): Promise<string | undefined> {
    const names = path.split("/");
    for (let depth = 1; depth <= names.length; depth += 1) {
      const inTheWay = names.slice(0, depth).join("/");
      const target = join(this.#root, inTheWay);
      const facts = await lstat(target).catch(() => undefined); // Gone already: another object cleared the way.
      if (facts === undefined) return undefined;
      if (facts.isDirectory()) continue;
      if (facts.size > 0) throw this.#collision(inTheWay);
      const removed = await unlink(target).then(
        () => true,
        () => false, // Another object was faster; what is there now is looked at in the next round.
      );
      return removed ? inTheWay : undefined;
    }
    return undefined;
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
