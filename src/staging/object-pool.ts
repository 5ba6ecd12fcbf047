import { lstatSync, type Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { mkdirSync, renameSync, unlinkSync, utimesSync } from "../base/world-files.ts";

/**
 * When every entry says it was written. A write by anybody moves it, so an entry that somebody damaged shows, and
 * nothing has to be kept about it elsewhere.
 */
const WRITTEN_AT = new Date("2000-01-01T00:00:00Z");

/** What a file system gives out at once; what a small file really takes. */
const BLOCK_BYTES = 4096;

/** Entries looked at between two rests, so that requests are answered meanwhile. */
const SLICE = 500;

/**
 * Objects of all buckets by their content: one file each, named by what the store says identifies it. A file is there
 * whole or not at all, and who wants it makes a hard link to it; an entry that nobody links to is nobody's, which the
 * file system itself counts. All methods may be called at once.
 *
 *   cache/objects/ab/ab34…   the entries, in 256 folders
 */
export class ObjectPool {
  readonly #root: string;
  readonly #folders = new Set<string>();
  #sizeBytes = 0;
  #objects = 0;

  constructor(root: string) {
    this.#root = root;
  }

  /** What the entries take on the disk. Only what this process has seen, until `measure` has been through all. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get objects(): number {
    return this.#objects;
  }

  /** The path of a whole and undamaged entry; undefined when there is none. A damaged one is removed. */
  find(name: string, sizeBytes: number): string | undefined {
    const path = this.#path(name);
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (facts === undefined) return undefined;
    if (isUndamaged(facts, sizeBytes)) return path;
    this.#remove(path, facts);
    return undefined;
  }

  /** Makes the finished file `part`, of the same file system, an entry; one that was there already gives way. */
  take(part: string, name: string, sizeBytes: number): void {
    utimesSync(part, WRITTEN_AT, WRITTEN_AT);
    const folder = join(this.#root, name.slice(0, 2));
    if (!this.#folders.has(folder)) {
      mkdirSync(folder, { recursive: true });
      this.#folders.add(folder);
    }
    const path = this.#path(name);
    const isNew = lstatSync(path, { throwIfNoEntry: false }) === undefined;
    renameSync(part, path);
    if (!isNew) return;
    this.#sizeBytes += diskBytes(sizeBytes);
    this.#objects += 1;
  }

  /** Counts what is there, once, after a start. */
  async measure(): Promise<void> {
    const count = { sizeBytes: 0, objects: 0 };
    await this.#forEach((_path, facts) => {
      count.sizeBytes += diskBytes(facts.size);
      count.objects += 1;
    });
    this.#sizeBytes = count.sizeBytes;
    this.#objects = count.objects;
  }

  /** Removes the entries that nobody links to. */
  async sweep(): Promise<void> {
    await this.#forEach((path, facts) => {
      if (facts.nlink === 1) this.#remove(path, facts);
    });
  }

  /** Each entry with its facts of this moment: the visit takes place before anything else can. */
  async #forEach(visit: (path: string, facts: Stats) => void): Promise<void> {
    for (const folder of await namesIn(this.#root)) {
      for (const [i, name] of (await namesIn(join(this.#root, folder))).entries()) {
        if (i % SLICE === SLICE - 1) await rest();
        const path = join(this.#root, folder, name);
        const facts = lstatSync(path, { throwIfNoEntry: false });
        if (facts !== undefined) visit(path, facts);
      }
    }
  }

  #remove(path: string, facts: Stats): void {
    unlinkSync(path);
    this.#sizeBytes = Math.max(0, this.#sizeBytes - diskBytes(facts.size));
    this.#objects = Math.max(0, this.#objects - 1);
  }

  #path(name: string): string {
    return join(this.#root, name.slice(0, 2), name);
  }
}

/** Whether a file is as the pool left it; a link to an entry shows what happened to the entry. */
export function isUndamaged(facts: Stats, sizeBytes: number): boolean {
  return facts.isFile() && facts.size === sizeBytes && facts.mtimeMs === WRITTEN_AT.getTime();
}

export function diskBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Lets everything else of this process have its turn. */
export async function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export async function namesIn(folder: string): Promise<string[]> {
  // Not made yet, or removed meanwhile: there is nothing in it.
  return readdir(folder).catch(() => []);
}
