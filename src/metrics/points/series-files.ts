import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { FANOUT, NODE_BYTES, POINT_BYTES } from "./node.ts";

/** The file of one level of a series: 0 are the points, 1 the nodes of 16 points, 2 of 256, ... */
export function levelPath(folder: string, series: number, level: number): string {
  return join(folder, level === 0 ? `${series}.points` : `${series}.level-${level}`);
}

export function recordBytes(level: number): number {
  return level === 0 ? POINT_BYTES : NODE_BYTES;
}

/** How many whole nodes a series of so many points has on a level. */
export function nodesOf(points: number, level: number): number {
  return Math.floor(points / FANOUT ** level);
}

/** Levels above the points that have at least one node. */
export function topLevel(points: number): number {
  let level = 0;
  while (nodesOf(points, level + 1) > 0) level += 1;
  return level;
}

/**
 * A level of a series, open for reading. Reads are synchronous: they come from the page cache within microseconds,
 * and a query takes thousands of them.
 */
export class LevelReader implements Disposable {
  readonly #file: number;
  readonly #recordBytes: number;
  /** Whole records there now. A record that is being written is not among them. */
  readonly count: number;

  private constructor(file: number, level: number) {
    this.#file = file;
    this.#recordBytes = recordBytes(level);
    this.count = Math.floor(fstatSync(file).size / this.#recordBytes);
  }

  /** Null while there is no such file. */
  static open(folder: string, series: number, level: number): LevelReader | null {
    try {
      return new LevelReader(openSync(levelPath(folder, series, level), "r"), level);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  /** The doubles of the records from `first` up to, not including, `end`; fewer where the file is shorter. */
  read(first: number, end: number): Float64Array {
    const bytes = new Uint8Array(Math.max(0, end - first) * this.#recordBytes);
    let got = 0;
    while (got < bytes.length) {
      const count = readSync(this.#file, bytes, got, bytes.length - got, first * this.#recordBytes + got);
      if (count === 0) break;
      got += count;
    }
    return new Float64Array(bytes.buffer, 0, (Math.floor(got / this.#recordBytes) * this.#recordBytes) / 8);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
