import { stat } from "node:fs/promises";
import { appendFile, truncate } from "../../base/world-files.ts";
import type { MetricPoint } from "../metric-record.ts";
import { addNode, addPoint, emptyNode, FANOUT, FIELD, NODE_FIELDS, POINT_FIELDS } from "./node.ts";
import { LevelReader, levelPath, nodesOf, recordBytes } from "./series-files.ts";

/**
 * Appends points to one series and makes its pyramid while it writes. There is one writer of a series at a time.
 * Nothing is synced; `openSeries` brings the files back to any number of points that they have held.
 */
export class SeriesWriter {
  readonly #folder: string;
  readonly #series: number;
  /** The node being filled on each level above the points, from level 1. */
  readonly #open: Float64Array[];
  #count: number;

  constructor(folder: string, series: number, count: number, open: Float64Array[]) {
    this.#folder = folder;
    this.#series = series;
    this.#count = count;
    this.#open = open;
  }

  get count(): number {
    return this.#count;
  }

  /** Rejects without having changed anything in memory; the files are then put right by `openSeries`. */
  async append(points: readonly Omit<MetricPoint, "key">[]): Promise<void> {
    const raw = new Float64Array(points.length * POINT_FIELDS);
    points.forEach(({ step, at, value }, i) => {
      raw.set([step ?? this.#count + i, at.getTime(), value], i * POINT_FIELDS);
    });
    const open = this.#open.map((node) => Float64Array.from(node));
    const full: number[][] = [];
    for (let at = 0; at < raw.length; at += POINT_FIELDS) fill(open, full, raw, at);
    await this.#write(0, raw);
    for (const [index, nodes] of full.entries()) await this.#write(index + 1, Float64Array.from(nodes));
    this.#open.splice(0, this.#open.length, ...open);
    this.#count += points.length;
  }

  async #write(level: number, records: Float64Array): Promise<void> {
    if (records.length === 0) return;
    await appendFile(levelPath(this.#folder, this.#series, level), new Uint8Array(records.buffer));
  }
}

/** Adds a point to the open node of level 1, and each node that becomes full to the open node above it. */
function fill(open: Float64Array[], full: number[][], raw: Float64Array, at: number): void {
  let node = (open[0] ??= emptyNode());
  addPoint(node, raw, at);
  for (let level = 1; (node[FIELD.count] as number) === FANOUT ** level; level += 1) {
    for (const value of node) (full[level - 1] ??= []).push(value);
    const above = (open[level] ??= emptyNode());
    addNode(above, node, 0);
    open[level - 1] = emptyNode();
    node = above;
  }
  // A level may stay without nodes in this portion while one above it has none either.
  for (let level = 0; level < full.length; level += 1) full[level] ??= [];
}

/**
 * Opens a series of exactly `count` points for writing: what was written beyond them is cut off, and what a crash left
 * unwritten of the pyramid is made again. Rejects with a `RangeError` when there are fewer points.
 */
export async function openSeries(folder: string, series: number, count: number): Promise<SeriesWriter> {
  const open: Float64Array[] = [];
  const present = await cut(folder, series, 0, count);
  if (present < count) throw new RangeError(`Series ${series} has ${present} points, and should have ${count}.`);
  for (let level = 1; level === 1 || nodesOf(count, level - 1) > 0; level += 1) {
    const wanted = nodesOf(count, level);
    const made = await cut(folder, series, level, wanted);
    const missing: number[] = [];
    for (let index = made; index < wanted; index += 1) missing.push(...sumUp(folder, series, level, index));
    if (missing.length > 0) {
      await appendFile(levelPath(folder, series, level), new Uint8Array(Float64Array.from(missing).buffer));
    }
    open.push(sumUp(folder, series, level, wanted));
  }
  return new SeriesWriter(folder, series, count, open);
}

/** Cuts the level off behind `most` records, and behind a record that was torn. Gives how many there are. */
async function cut(folder: string, series: number, level: number, most: number): Promise<number> {
  const path = levelPath(folder, series, level);
  const size = await stat(path).then(
    (stats) => stats.size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return 0;
      throw error;
    },
  );
  const count = Math.min(most, Math.floor(size / recordBytes(level)));
  if (size > count * recordBytes(level)) await truncate(path, count * recordBytes(level));
  return count;
}

/** The node of the records below it that are there, full or not. */
function sumUp(folder: string, series: number, level: number, index: number): Float64Array {
  const node = emptyNode();
  using below = LevelReader.open(folder, series, level - 1);
  const records = below?.read(index * FANOUT, Math.min(below.count, (index + 1) * FANOUT)) ?? new Float64Array();
  const fields = level === 1 ? POINT_FIELDS : NODE_FIELDS;
  for (let at = 0; at < records.length; at += fields) {
    if (level === 1) addPoint(node, records, at);
    else addNode(node, records, at);
  }
  return node;
}
