import { join } from "node:path";
import { appendFile, truncate } from "../base/world-files.ts";
import type { Collected } from "./collector.ts";
import { writeIbmRecord } from "./ibm-record.ts";
import { pointsOf, type MetricPoint, type MetricRecord } from "./metric-record.ts";
import { RunPoints } from "./points/run-points.ts";
import { findEventFiles } from "./sources/find-event-files.ts";
import type { MetricSources } from "./sources/metric-sources.ts";
import { readGrowth } from "./sources/read-growth.ts";
import type { CollectorOrder } from "./thread/collector-order.ts";
import { CollectorThreadEnded, type CollectorThread, type RemoteCollector } from "./thread/collector-thread.ts";

/** Read at once; more waits for the next turn. */
const PORTION_BYTES = 256 * 1024;
/** Records are kept for `evaluation-metrics.txt` up to here; the points go on. */
const MAX_RECORD_BYTES = 32 * 1024 * 1024;

/** One learner of the attempt whose metrics are collected. */
export interface CollectedLearner {
  readonly learner: number;
  readonly sources: MetricSources;
}

export interface CollectionParts {
  readonly folder: string;
  readonly runId: string;
  readonly attempt: number;
  readonly learners: readonly CollectedLearner[];
  readonly thread: CollectorThread;
  now(): Date;
}

/** A source that is being read. */
interface Reading {
  readonly id: string;
  readonly learner: number;
  readonly path: string;
  readonly order: CollectorOrder;
  collector: RemoteCollector | null;
  /** Where the collector began, and how far it has been fed. */
  base: number;
  offset: number;
}

/**
 * Collects the metrics of one attempt out of all its sources into the run's points. Everything that must outlive this
 * process is in the run's folder, so a collection that is opened again goes on where the last whole portion ended.
 * Calls must not overlap.
 */
export class RunCollection implements Disposable {
  readonly #parts: CollectionParts;
  readonly #points: RunPoints;
  readonly #readings = new Map<string, Reading>();

  private constructor(parts: CollectionParts, points: RunPoints) {
    this.#parts = parts;
    this.#points = points;
  }

  static async open(parts: CollectionParts): Promise<RunCollection> {
    return new RunCollection(parts, await RunPoints.open(parts.folder));
  }

  /** All points so far, by key, and whether some were left out. */
  get points(): RunPoints {
    return this.#points;
  }

  /**
   * Reads everything that has been written since the last call. With `isEnd` nothing more will be, and half lines are
   * decided. Gives how many points came, and warnings for the run.
   */
  async collect(
    isEnd: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly points: number; readonly warnings: readonly string[] }> {
    const warnings = new Set(this.#parts.learners.flatMap(({ sources }) => sources.warnings));
    let points = 0;
    for (const reading of await this.#sources()) {
      for (let isMore = true; isMore;) {
        signal.throwIfAborted();
        const portion = await this.#readPortion(reading, isEnd);
        isMore = portion.isMore;
        points += await this.#keep(reading, portion.collected);
        for (const warning of portion.collected.warnings) warnings.add(warning);
      }
    }
    return { points, warnings: [...warnings] };
  }

  /** Points that came another way than from a file. */
  async add(points: readonly MetricPoint[]): Promise<void> {
    await this.#points.append(points, {});
  }

  [Symbol.dispose](): void {
    for (const { collector } of this.#readings.values()) collector?.[Symbol.dispose]();
  }

  async #sources(): Promise<readonly Reading[]> {
    for (const { learner, sources } of this.#parts.learners) {
      for (const { name, path, order } of sources.files) this.#reading(learner, name, path, order);
      for (const { path, group, name } of await findEventFiles(sources.eventRoots ?? [])) {
        this.#reading(learner, path, path, { kind: "events", group, name });
      }
    }
    return [...this.#readings.values()];
  }

  #reading(learner: number, name: string, path: string, order: CollectorOrder): void {
    const id = `${this.#parts.attempt}/${learner}/${name}`;
    if (this.#readings.has(id)) return;
    const offset = this.#points.offsets[id] ?? 0;
    this.#readings.set(id, { id, learner, path, order, collector: null, base: offset, offset });
  }

  async #readPortion(
    reading: Reading,
    isEnd: boolean,
  ): Promise<{ isMore: boolean; collected: Collected & { safeOffset: number } }> {
    const growth = await readGrowth(reading.path, reading.offset, PORTION_BYTES);
    const nothing = { records: [], warnings: [], safeOffset: this.#points.offsets[reading.id] ?? 0 };
    if (growth === null) return { isMore: false, collected: nothing };
    if (growth.isShorter) {
      this.#rewind(reading, 0);
      return { isMore: true, collected: { ...nothing, safeOffset: 0 } };
    }
    const isLast = isEnd && growth.isAll;
    if (growth.bytes.length === 0 && !isLast) return { isMore: false, collected: nothing };
    const { length } = growth.bytes;
    const collector = (reading.collector ??= this.#parts.thread.order(reading.order));
    try {
      const now = this.#parts.now();
      const pushed = await collector.push(growth.bytes, now);
      reading.offset += length;
      const rest = isLast ? await collector.push(null, now) : null;
      const safeOffset = isLast ? reading.offset : reading.base + pushed.safeOffset;
      const records = [...pushed.records, ...(rest?.records ?? [])];
      return {
        isMore: !growth.isAll,
        collected: { records, warnings: [...pushed.warnings, ...(rest?.warnings ?? [])], safeOffset },
      };
    } catch (error) {
      if (!(error instanceof CollectorThreadEnded)) throw error;
      this.#rewind(reading, this.#points.offsets[reading.id] ?? 0);
      throw error;
    }
  }

  #rewind(reading: Reading, offset: number): void {
    reading.collector?.[Symbol.dispose]();
    Object.assign(reading, { collector: null, base: offset, offset });
  }

  async #keep(reading: Reading, { records, safeOffset }: Collected & { readonly safeOffset: number }): Promise<number> {
    const { id, learner, order } = reading;
    if (records.length === 0 && safeOffset === (this.#points.offsets[id] ?? 0)) return 0;
    const prefix = this.#parts.learners.length > 1 ? `learner-${learner}/` : "";
    const points = records.flatMap(pointsOf).map((point) => ({ ...point, key: prefix + point.key }));
    try {
      // IBM's records are in the program's own file already.
      const written = order.kind === "ibm" ? {} : await this.#writeRecords(learner, records);
      await this.#points.append(points, { [id]: safeOffset, ...written });
    } catch (error) {
      // What was read is not kept: it is read again.
      this.#rewind(reading, this.#points.offsets[id] ?? 0);
      throw error;
    }
    return points.length;
  }

  /** Behind the records that are known of; what a crash left there is cut off. Gives the new length as an offset. */
  async #writeRecords(learner: number, records: readonly MetricRecord[]): Promise<Record<string, number>> {
    const name = recordsName(learner);
    const known = this.#points.offsets[name] ?? 0;
    const count = this.#points.offsets[`${name}#`] ?? 0;
    if (records.length === 0 || known > MAX_RECORD_BYTES) return {};
    const path = join(this.#parts.folder, name);
    await appendFile(path, "");
    await truncate(path, known);
    const lines = records.map((record, i) => `${writeIbmRecord(record, this.#parts.runId, count + i + 1)}\n`).join("");
    await appendFile(path, lines);
    return { [name]: known + Buffer.byteLength(lines), [`${name}#`]: count + records.length };
  }
}

/** IBM's records of a learner, for its `evaluation-metrics.txt`; the bytes that count are the offset of this name. */
export function recordsName(learner: number): string {
  return `records-${learner}.jsonl`;
}
