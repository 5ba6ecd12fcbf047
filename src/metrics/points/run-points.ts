import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { mkdir, rm } from "../../base/world-files.ts";
import type { MetricPoint } from "../metric-record.ts";
import { appendKeys, MAX_KEYS, recoverKeys } from "./key-list.ts";
import { POINT_BYTES } from "./node.ts";
import { readStep, writeStep, type Progress } from "./progress.ts";
import { levelPath } from "./series-files.ts";
import { openSeries, type SeriesWriter } from "./series-writer.ts";

/**
 * The writer of all points of one run, in a folder of its own:
 *
 *   keys.jsonl        the keys, one line each; the line's number is the series' number
 *   progress.json     how far the sources were read, and how many points that made, before and after the last portion
 *   N.points          the points of series N; N.level-1, -2, … its pyramid (node.ts)
 *
 * A portion of points and the offsets up to which they were read out of their sources belong together: after a crash
 * either both are there or neither, so a source that is read on from its offset gives no point twice and loses none.
 * One writer at a time; calls must not overlap. Readers may look at any time.
 */
export class RunPoints {
  readonly #folder: string;
  readonly #numbers: Map<string, number>;
  readonly #series = new Map<number, SeriesWriter>();
  #progress: Progress;
  #leftOut = 0;
  #isNew = true;
  /** After a failure the files may be ahead of what is known here; the next portion begins by looking again. */
  #isCertain = true;

  private constructor(folder: string, keys: readonly string[], progress: Progress) {
    this.#folder = folder;
    this.#numbers = new Map(keys.map((key, number) => [key, number]));
    this.#progress = progress;
  }

  /** Brings what a crash left back to the last whole portion. The folder is made with the first portion. */
  static async open(folder: string): Promise<RunPoints> {
    const progress = await recoverOrBeginAnew(folder);
    return new RunPoints(folder, await recoverKeys(folder), progress);
  }

  /** Bytes of each source whose points are here. */
  get offsets(): Readonly<Record<string, number>> {
    return this.#progress.offsets;
  }

  get keys(): readonly string[] {
    return [...this.#numbers.keys()];
  }

  /** Points that were left out since there are too many keys. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Adds the points, and takes note that `offsets` of the sources have been read. May be repeated when it rejects. */
  async append(points: readonly MetricPoint[], offsets: Readonly<Record<string, number>>): Promise<void> {
    if (!this.#isCertain) await this.#lookAgain();
    this.#isCertain = false;
    if (this.#isNew) await mkdir(this.#folder, { recursive: true });
    this.#isNew = false;
    const known = await this.#numbered(points);
    const counts = Array.from(this.#numbers.values(), (number) => this.#progress.counts[number] ?? 0);
    for (const [number, portion] of known) counts[number] = (counts[number] ?? 0) + portion.length;
    const after: Progress = { offsets: { ...this.#progress.offsets, ...offsets }, counts };
    await writeStep(this.#folder, { before: this.#progress, after });
    for (const [number, portion] of known) {
      await (await this.#writer(number)).append(portion);
    }
    this.#progress = after;
    this.#isCertain = true;
  }

  async #lookAgain(): Promise<void> {
    this.#series.clear();
    this.#numbers.clear();
    (await recoverKeys(this.#folder)).forEach((key, number) => this.#numbers.set(key, number));
    this.#progress = await recover(this.#folder);
  }

  /** The points by the number of their series; keys that are new are written down first. */
  async #numbered(points: readonly MetricPoint[]): Promise<ReadonlyMap<number, MetricPoint[]>> {
    const portions = new Map<number, MetricPoint[]>();
    const fresh: string[] = [];
    for (const point of points) {
      let number = this.#numbers.get(point.key);
      if (number === undefined) {
        if (this.#numbers.size >= MAX_KEYS) {
          this.#leftOut += 1;
          continue;
        }
        number = this.#numbers.size;
        this.#numbers.set(point.key, number);
        fresh.push(point.key);
      }
      const portion = portions.get(number);
      if (portion === undefined) portions.set(number, [point]);
      else portion.push(point);
    }
    if (fresh.length > 0) await appendKeys(this.#folder, fresh);
    return portions;
  }

  async #writer(number: number): Promise<SeriesWriter> {
    let writer = this.#series.get(number);
    if (writer === undefined) {
      writer = await openSeries(this.#folder, number, this.#progress.counts[number] ?? 0);
      this.#series.set(number, writer);
    }
    return writer;
  }
}

/**
 * Points are made from sources that lie beside them and were never synced themselves. Where a machine that lost its
 * power has lost points that were noted as written, they are made again from the beginning.
 */
async function recoverOrBeginAnew(folder: string): Promise<Progress> {
  try {
    return await recover(folder);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    for (const name of await readdir(folder)) {
      if (name !== "posted.jsonl") await rm(join(folder, name));
    }
    return { offsets: {}, counts: [] };
  }
}

/** The last whole portion: the one that was on its way if all its points have arrived, else the one before. */
async function recover(folder: string): Promise<Progress> {
  const { before, after } = await readStep(folder);
  for (const [number, count] of after.counts.entries()) {
    if (count > (before.counts[number] ?? 0) && (await pointsIn(folder, number)) < count) {
      // Cut at once, so that no reader shows points that will come again.
      for (const [other] of after.counts.entries()) await openSeries(folder, other, before.counts[other] ?? 0);
      await writeStep(folder, { before, after: before });
      return before;
    }
  }
  return after;
}

async function pointsIn(folder: string, number: number): Promise<number> {
  const stats = await stat(levelPath(folder, number, 0)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return Math.floor((stats?.size ?? 0) / POINT_BYTES);
}
