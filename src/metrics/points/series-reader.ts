import { statSync } from "node:fs";
import { FANOUT, NODE_FIELDS, POINT_BYTES, POINT_FIELDS } from "./node.ts";
import { LevelReader, levelPath, nodesOf, topLevel } from "./series-files.ts";

/** From this level on a series is kept in memory: one node for 256 points. */
const KEPT_LEVEL = 2;

/**
 * Reads one series. What is written never changes, so the upper levels of its pyramid and the ends of the lower ones
 * are kept from one query to the next and only their growth is read; the rest is read where a query goes deep.
 */
export class SeriesReader {
  readonly #folder: string;
  readonly #series: number;
  /** By level, from `KEPT_LEVEL` on: all nodes. */
  readonly #kept: Float64Array[] = [];
  /** By level below that: the records behind the last full node of the level above. */
  #ends: readonly Float64Array[] = [];
  #count = 0;
  readonly #open = new Map<number, LevelReader | null>();

  constructor(folder: string, series: number) {
    this.#folder = folder;
    this.#series = series;
  }

  /** Points known of, as of the last `refresh`. */
  get count(): number {
    return this.#count;
  }

  get top(): number {
    return topLevel(this.#count);
  }

  /** Memory that is kept, in bytes. */
  get sizeBytes(): number {
    return [...this.#kept, ...this.#ends].reduce((sum, records) => sum + (records?.byteLength ?? 0), 0);
  }

  /** Looks how many points there are now. */
  refresh(): void {
    const stats = statSync(levelPath(this.#folder, this.#series, 0), { throwIfNoEntry: false });
    const count = Math.floor((stats?.size ?? 0) / POINT_BYTES);
    if (count === this.#count) return;
    // Fewer: a crash was put right, and what is kept may hold points that are gone.
    if (count < this.#count) this.#kept.length = 0;
    // The pyramid is written behind the points: as much of it as is there counts.
    const limit = this.#wholeCount(count);
    this.#count = limit;
    for (let level = KEPT_LEVEL; nodesOf(limit, level) > 0; level += 1) this.#keep(level);
    this.#ends = [0, 1].map((level) => {
      const first = nodesOf(limit, level + 1) * FANOUT;
      return this.#fromFile(level, first, nodesOf(limit, level));
    });
    this.release();
  }

  /** The doubles of the records of a level from `first` up to, not including, `end`. */
  read(level: number, first: number, end: number): Float64Array {
    const fields = level === 0 ? POINT_FIELDS : NODE_FIELDS;
    if (level >= KEPT_LEVEL) return (this.#kept[level] ?? new Float64Array()).subarray(first * fields, end * fields);
    const begin = nodesOf(this.#count, level + 1) * FANOUT;
    if (first >= begin)
      return (this.#ends[level] ?? new Float64Array()).subarray((first - begin) * fields, (end - begin) * fields);
    return this.#fromFile(level, first, end);
  }

  /** Closes what a query has opened. */
  release(): void {
    for (const reader of this.#open.values()) reader?.[Symbol.dispose]();
    this.#open.clear();
  }

  /** How many points are covered by the nodes that are there already. */
  #wholeCount(count: number): number {
    let limit = count;
    for (let level = 1; nodesOf(limit, level) > 0; level += 1) {
      const there = this.#level(level)?.count ?? 0;
      if (there < nodesOf(limit, level)) limit = (there + 1) * FANOUT ** level - 1;
    }
    return limit;
  }

  #keep(level: number): void {
    const kept = this.#kept[level] ?? new Float64Array();
    const fresh = this.#fromFile(level, kept.length / NODE_FIELDS, nodesOf(this.#count, level));
    if (fresh.length === 0) return;
    const all = new Float64Array(kept.length + fresh.length);
    all.set(kept);
    all.set(fresh, kept.length);
    this.#kept[level] = all;
  }

  #fromFile(level: number, first: number, end: number): Float64Array {
    return this.#level(level)?.read(first, end) ?? new Float64Array();
  }

  #level(level: number): LevelReader | null {
    let reader = this.#open.get(level);
    if (reader === undefined) {
      reader = LevelReader.open(this.#folder, this.#series, level);
      this.#open.set(level, reader);
    }
    return reader;
  }
}

/** What is kept of all series together. A thousand series of 100,000 points take 40 MB. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** The series that were asked for lately. For one thread: between `take` and `release` nobody else reads. */
export class SeriesReaders {
  readonly #limitBytes: number;
  readonly #readers = new Map<string, { readonly reader: SeriesReader; sizeBytes: number }>();
  #bytes = 0;

  constructor(limitBytes: number = KEPT_BYTES) {
    this.#limitBytes = limitBytes;
  }

  /** The series as it is now, for `read`; what the reading opens is closed when it returns. */
  use<T>(folder: string, series: number, read: (reader: SeriesReader) => T): T {
    const path = levelPath(folder, series, 0);
    const entry = this.#readers.get(path) ?? { reader: new SeriesReader(folder, series), sizeBytes: 0 };
    // The least recently used is the first of the map.
    this.#readers.delete(path);
    this.#readers.set(path, entry);
    try {
      entry.reader.refresh();
      return read(entry.reader);
    } finally {
      entry.reader.release();
      const sizeBytes = entry.reader.sizeBytes;
      this.#bytes += sizeBytes - entry.sizeBytes;
      entry.sizeBytes = sizeBytes;
      this.#evict();
    }
  }

  #evict(): void {
    for (const [path, { sizeBytes }] of this.#readers) {
      if (this.#bytes <= this.#limitBytes) return;
      this.#readers.delete(path);
      this.#bytes -= sizeBytes;
    }
  }
}
