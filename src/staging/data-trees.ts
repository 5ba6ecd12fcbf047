import { lstatSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { mkdir, rename, rm, rmdir, utimes } from "../base/world-files.ts";
import type { StoredObject } from "../datastores/datastore.ts";
import { codeOf } from "../datastores/file-trouble.ts";
import { keyToPath } from "../datastores/key-path.ts";
import { diskBytes, isUndamaged, namesIn, rest } from "./object-pool.ts";

/** Files looked at between two rests; each look takes some microseconds. */
const SLICE = 500;

/** The files of a tree lie one folder deeper, so that the folder itself can say when it was last used. */
const FILES = "files";

export interface KeptTree {
  readonly path: string;
  readonly usedAtMs: number;
}

/** What a tree shows of a listing. */
export interface TreeLook {
  readonly objects: number;
  readonly sizeBytes: number;
  /** Objects that no file stands for; `reason` continues the sentence "the key ...". */
  readonly leftOut: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * Whole listings as folders of hard links into the pool, ready to be shown. A tree is there complete or not at all,
 * and never changes: a listing that differs has a tree of its own.
 *
 *   cache/trees/SCOPE/TREE/files/…   the keys without their prefix; the time of TREE itself is that of its last use
 */
export class DataTrees {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  path(scope: string, name: string): string {
    return join(this.#root, scope, name);
  }

  /** Whether anything was ever brought for this selection, and is still there. */
  async knows(scope: string): Promise<boolean> {
    return (await namesIn(join(this.#root, scope))).length > 0;
  }

  /** Gives the finished folder `draft` its place. One with damaged files that is in it steps aside for removal. */
  async publish(draft: string, scope: string, name: string, now: Date): Promise<string> {
    const path = this.path(scope, name);
    await utimes(draft, now, now);
    await mkdir(dirname(path), { recursive: true });
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) await rename(path, `${path}.${randomUUID()}`);
    await rename(draft, path);
    return path;
  }

  async touch(path: string, now: Date): Promise<void> {
    await utimes(path, now, now);
  }

  /** All of them, or those of one selection, the longest unused first. */
  async list(only?: string): Promise<KeptTree[]> {
    const kept: KeptTree[] = [];
    for (const scope of only === undefined ? await namesIn(this.#root) : [only]) {
      for (const name of await namesIn(join(this.#root, scope))) {
        const path = this.path(scope, name);
        const facts = await stat(path).catch(() => undefined); // Removed since the folder was read.
        if (facts !== undefined) kept.push({ path, usedAtMs: facts.mtimeMs });
      }
    }
    return kept.toSorted((a, b) => a.usedAtMs - b.usedAtMs);
  }

  /**
   * Steps aside at once, then goes. What only this tree linked to is nobody's from then on; gives how many bytes of the
   * disk that is.
   */
  async remove(path: string, temporary: string): Promise<number> {
    const aside = join(temporary, randomUUID());
    try {
      await rename(path, aside);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return 0; // Somebody else removed it.
      throw error;
    }
    // Another tree of the scope may be there, or come at this moment.
    await rmdir(dirname(path)).catch(() => undefined);
    const sizeBytes = await soleBytes(filesOf(aside));
    await rm(aside, { recursive: true, force: true });
    return sizeBytes;
  }
}

/** What the files below the folder take that have no links but theirs and the pool's. */
async function soleBytes(folder: string): Promise<number> {
  let sizeBytes = 0;
  for (const [i, found] of (await readdir(folder, { withFileTypes: true })).entries()) {
    if (i % SLICE === SLICE - 1) await rest();
    const path = join(folder, found.name);
    if (found.isDirectory()) sizeBytes += await soleBytes(path);
    else {
      const facts = lstatSync(path);
      if (facts.nlink <= 2) sizeBytes += diskBytes(facts.size);
    }
  }
  return sizeBytes;
}

export function filesOf(tree: string): string {
  return join(tree, FILES);
}

/** Whether the tree shows all of the listing, undamaged; undefined when it does not. */
export async function lookAtTree(
  tree: string,
  objects: readonly StoredObject[],
  prefix: string,
): Promise<TreeLook | undefined> {
  const files = filesOf(tree);
  if (lstatSync(files, { throwIfNoEntry: false }) === undefined) return undefined;
  const leftOut: { key: string; reason: string }[] = [];
  const count = { objects: 0, sizeBytes: 0 };
  for (const [i, { key, sizeBytes }] of objects.entries()) {
    if (i % SLICE === SLICE - 1) await rest();
    const target = keyToPath(key.slice(prefix.length));
    const reason = whyNoFile(target, sizeBytes);
    if (reason !== null) leftOut.push({ key, reason });
    if (target.kind === "refused") continue;
    const facts = lstatSync(`${files}/${target.path}`, { throwIfNoEntry: false });
    if (facts === undefined) {
      if (reason === null) return undefined;
    } else if (target.kind === "file" && facts.isDirectory() && sizeBytes === 0) {
      leftOut.push({ key, reason: GAVE_WAY });
    } else if (target.kind === "file") {
      if (!isUndamaged(facts, sizeBytes)) return undefined;
      count.objects += 1;
      count.sizeBytes += sizeBytes;
    }
  }
  return { ...count, leftOut };
}

/** An empty object that stands for a folder, as some tools mark them. */
const GAVE_WAY = "is empty and also the folder of other objects, so the folder was kept";

/** Why a key never becomes a file, apart from what other keys there are; null when it does or is a plain folder. */
export function whyNoFile(target: ReturnType<typeof keyToPath>, sizeBytes: number): string | null {
  if (target.kind === "refused") return target.reason;
  if (target.kind === "folder" && sizeBytes > 0) return "ends in '/' like a folder, and has content like a file";
  return null;
}
