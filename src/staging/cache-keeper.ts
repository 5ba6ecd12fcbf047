import { statfs } from "node:fs/promises";
import type { DataTrees } from "./data-trees.ts";
import type { ObjectPool } from "./object-pool.ts";

/** Of the space that is free or the cache's own at the start, what the cache may take unless it is told otherwise. */
const DEFAULT_SHARE = 0.5;

/**
 * Of a selection whose bucket changes, how many trees are kept that no run uses. Their objects are the same but for
 * what changed; the names alone would fill the disk, which the budget does not see.
 */
const TREES_PER_SCOPE = 3;

export interface KeeperParts {
  readonly pool: ObjectPool;
  readonly trees: DataTrees;
  readonly temporary: string;
  /** Null: half of the space that is free at the start. */
  readonly maxBytes: number | null;
  /** Told of room that could not be made. */
  onTrouble(error: unknown): void;
}

/**
 * Holds the cache within its budget. The longest unused tree goes first, and with it what only it has; what a live run
 * uses stays whatever the budget says, for the run needs it on the disk anyway. All methods may be called at once.
 */
export class CacheKeeper {
  readonly #parts: KeeperParts;
  /** Tree by the run that uses it. */
  readonly #held = new Map<string, string>();
  #maxBytes: number;
  #isMakingRoom = false;
  #lastWork: Promise<void> = Promise.resolve();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#maxBytes = parts.maxBytes ?? Number.MAX_SAFE_INTEGER;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get heldTrees(): number {
    return new Set(this.#held.values()).size;
  }

  /** Once, after a start: counts what is there, from which the budget follows where nobody set it. */
  async open(): Promise<void> {
    const { pool, temporary, maxBytes } = this.#parts;
    await pool.measure();
    if (maxBytes === null) {
      const { bavail, bsize } = await statfs(temporary);
      this.#maxBytes = Math.round(DEFAULT_SHARE * (bavail * bsize + pool.sizeBytes));
    }
    this.keepWithin();
  }

  /** From now on the run uses the tree. */
  hold(holder: string, tree: string): void {
    this.#held.set(holder, tree);
  }

  release(holder: string): void {
    this.#held.delete(holder);
    this.keepWithin();
  }

  /** Begins to make room where there is more than may be. */
  keepWithin(): void {
    if (this.#parts.pool.sizeBytes <= this.#maxBytes || this.#isMakingRoom) return;
    this.#isMakingRoom = true;
    this.#begin(async () => {
      // From here on whatever grows asks anew.
      this.#isMakingRoom = false;
      await this.#makeRoom(this.#maxBytes);
    });
  }

  /** Begins to remove what a selection showed long ago. */
  keepNewest(scope: string): void {
    this.#begin(async () => {
      const { trees, temporary } = this.#parts;
      const kept = (await trees.list(scope)).filter(({ path }) => !this.#isHeld(path));
      const old = kept.slice(0, Math.max(0, kept.length - TREES_PER_SCOPE));
      for (const { path } of old) if (!this.#isHeld(path)) await trees.remove(path, temporary);
    });
  }

  /** After what was begun before. */
  #begin(work: () => Promise<void>): void {
    this.#lastWork = this.#lastWork.then(work).catch((error: unknown) => this.#parts.onTrouble(error));
  }

  /** Removes everything that no live run uses. Gives the bytes that came free. */
  async clear(): Promise<number> {
    await this.settled();
    const { pool, trees, temporary } = this.#parts;
    const before = pool.sizeBytes;
    for (const { path } of await trees.list()) if (!this.#isHeld(path)) await trees.remove(path, temporary);
    await pool.sweep();
    return Math.max(0, before - pool.sizeBytes);
  }

  /** Resolves when everything that was begun is done. */
  async settled(): Promise<void> {
    await this.#lastWork;
  }

  async #makeRoom(limit: number): Promise<void> {
    const { pool, trees, temporary } = this.#parts;
    // What nobody links to: left by a staging that broke off.
    await pool.sweep();
    const kept = await trees.list();
    while (pool.sizeBytes > limit) {
      let toFree = pool.sizeBytes - limit;
      let removed = 0;
      while (toFree > 0) {
        const next = kept.shift();
        if (next === undefined) break;
        if (this.#isHeld(next.path)) continue;
        toFree -= await trees.remove(next.path, temporary);
        removed += 1;
      }
      if (removed === 0) return;
      await pool.sweep();
    }
  }

  /** A tree that stepped aside for an undamaged one of its name may be what the run holds. */
  #isHeld(path: string): boolean {
    for (const tree of this.#held.values()) if (path === tree || path.startsWith(`${tree}.`)) return true;
    return false;
  }
}
