import { join, relative } from "node:path";
import { appendFile, mkdir, truncate } from "../base/world-files.ts";
import type { Collected } from "./collector.ts";
import { writeIbmRecord } from "./ibm-record.ts";
import { pointsOf, type MetricPoint, type MetricRecord } from "./metric-record.ts";
import { RunPoints } from "./points/run-points.ts";
import { findEventFiles } from "./sources/find-event-files.ts";
import { bannerBytes } from "./sources/log-banner.ts";
import { IBM_FILE, TRAINING_LOG, type MetricSources } from "./sources/metric-sources.ts";
import { POSTED_FILE } from "./sources/posted-records.ts";
import { readGrowth } from "./sources/read-growth.ts";
import type { CollectorOrder } from "./thread/collector-order.ts";
import { CollectorThreadEnded, type CollectorThread, type RemoteCollector } from "./thread/collector-thread.ts";

/** Read at once; more waits for the next turn. */
const PORTION_BYTES = 256 * 1024;
/** Records are kept for `evaluation-metrics.txt` up to here; the points go on. */
const MAX_RECORD_BYTES = 32 * 1024 * 1024;
/** What gave no point is read again after a crash, unless it is this much: each note of how far we are is a write. */
const NOTE_BYTES = 4 * 1024 * 1024;

/** One learner of one attempt whose metrics are collected. */
export interface CollectedLearner {
  readonly learner: number;
  readonly attempt: number;
  /** The folder that is this attempt's own, wherever it lies by now; the others belong to all attempts and learners. */
  readonly logs: string;
  readonly sources: MetricSources;
}

export interface CollectionParts {
  readonly folder: string;
  readonly runId: string;
  readonly learners: readonly CollectedLearner[];
  readonly thread: CollectorThread;
  now(): Date;
}

/** A source that is being read. */
interface Reading {
  readonly id: string;
  /** Null for what all learners share. */
  readonly learner: number | null;
  readonly path: string;
  readonly order: CollectorOrder;
  /** Where its records are kept; null where the program keeps them itself. */
  readonly records: string | null;
  collector: RemoteCollector | null;
  /** Where the collector began, and how far it has been fed. */
  base: number;
  offset: number;
}

/**
 * Collects the metrics of a run out of all its sources into the run's points. Everything that must outlive this
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
   * decided. `looksAround` false leaves out the search for new event files, which walks the program's folders. Gives how
   * many points came, and warnings for the run.
   */
  async collect(
    isEnd: boolean,
    signal: AbortSignal,
    looksAround = true,
  ): Promise<{ readonly points: number; readonly warnings: readonly string[] }> {
    const warnings = new Set(this.#parts.learners.flatMap(({ sources }) => sources.warnings));
    let points = 0;
    for (const reading of await this.#sources(looksAround)) {
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

  /** Points that came another way than from a file that grows. `offsets` says which, so that they are not added twice. */
  async add(points: readonly MetricPoint[], offsets: Readonly<Record<string, number>> = {}): Promise<void> {
    await this.#points.append(points, offsets);
  }

  /** How far the file has been read. */
  bytesRead(path: string): number {
    return [...this.#readings.values()].find((reading) => reading.path === path)?.offset ?? 0;
  }

  [Symbol.dispose](): void {
    for (const { collector } of this.#readings.values()) collector?.[Symbol.dispose]();
  }

  async #sources(looksAround: boolean): Promise<readonly Reading[]> {
    const { folder, learners } = this.#parts;
    for (const { learner, attempt, logs, sources } of learners) {
      const own = sourcesOf(learner, attempt);
      for (const { name, path, order } of sources.files) {
        const records = name === IBM_FILE ? null : recordsName(learner, attempt);
        this.#reading({ id: `${own}/${name}`, learner, path, order, records });
      }
      if (!looksAround) continue;
      for (const { path, group, name } of await findEventFiles(sources.eventRoots ?? [])) {
        const order: CollectorOrder = { kind: "events", group, name };
        const records = recordsName(learner, attempt);
        const isOwn = path.startsWith(`${logs}/`);
        const id = isOwn ? `${own}/${relative(logs, path)}` : relative(folder, path);
        this.#reading({ id, learner: isOwn ? learner : null, path, order, records });
      }
    }
    const { attempt = 1 } = learners.at(-1) ?? {};
    const order: CollectorOrder = { kind: "ibm" };
    const path = join(folder, POSTED_FILE);
    this.#reading({ id: POSTED_FILE, learner: null, path, order, records: recordsName(1, attempt) });
    return [...this.#readings.values()];
  }

  #reading(source: Pick<Reading, "id" | "learner" | "path" | "order" | "records">): void {
    if (this.#readings.has(source.id)) return;
    const offset = this.#points.offsets[source.id] ?? 0;
    this.#readings.set(source.id, { ...source, collector: null, base: offset, offset });
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
    if (reading.offset === 0 && reading.path.endsWith(`/${TRAINING_LOG}`)) {
      const ours = bannerBytes(growth.bytes);
      if (ours > 0) {
        this.#rewind(reading, ours);
        return { isMore: true, collected: nothing };
      }
    }
    const { length } = growth.bytes;
    // Where nothing was read nothing is held back: a program that said nothing needs no thread.
    if (length === 0 && (!isLast || reading.collector === null)) return { isMore: false, collected: nothing };
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
    const { id, learner } = reading;
    const moved = safeOffset - (this.#points.offsets[id] ?? 0);
    if (records.length === 0 && moved >= 0 && moved < NOTE_BYTES) return 0;
    const isOneOfMany = learner !== null && this.#parts.learners.some((other) => other.learner !== learner);
    const prefix = isOneOfMany ? `learner-${learner}/` : "";
    const points = records.flatMap(pointsOf).map((point) => ({ ...point, key: prefix + point.key }));
    try {
      const written = reading.records === null ? {} : await this.#writeRecords(reading.records, records);
      await this.#points.append(points, { [id]: safeOffset, ...written });
    } catch (error) {
      // What was read is not kept: it is read again.
      this.#rewind(reading, this.#points.offsets[id] ?? 0);
      throw error;
    }
    return points.length;
  }

  /** Behind the records that are known of; what a crash left there is cut off. Gives the new length as an offset. */
  async #writeRecords(name: string, records: readonly MetricRecord[]): Promise<Record<string, number>> {
    const known = this.#points.offsets[name] ?? 0;
    const count = this.#points.offsets[`${name}#`] ?? 0;
    if (records.length === 0 || known > MAX_RECORD_BYTES) return {};
    const path = join(this.#parts.folder, name);
    if (known === 0) await mkdir(this.#parts.folder, { recursive: true });
    await appendFile(path, "");
    await truncate(path, known);
    const lines = records.map((record, i) => `${writeIbmRecord(record, this.#parts.runId, count + i + 1)}\n`).join("");
    await appendFile(path, lines);
    return { [name]: known + Buffer.byteLength(lines), [`${name}#`]: count + records.length };
  }
}

/** What the names of a learner's own sources begin with. */
function sourcesOf(learner: number, attempt: number): string {
  return `${attempt}/${learner}`;
}

/** The offset of a learner's `evaluation-metrics.txt`. */
export function ibmSource(learner: number, attempt: number): string {
  return `${sourcesOf(learner, attempt)}/${IBM_FILE}`;
}

/** IBM's records of a learner, for its `evaluation-metrics.txt`; the bytes that count are the offset of this name. */
export function recordsName(learner: number, attempt: number): string {
  return `records-${attempt}-${learner}.jsonl`;
}
