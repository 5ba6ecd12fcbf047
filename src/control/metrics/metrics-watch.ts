import { EventEmitter } from "node:events";
import type { Clock } from "../../base/clock.ts";
import { amend, type Run } from "../../domain/run.ts";
import { waitForGrowth } from "../../logs/log-file.ts";
import type { MetricPoint, MetricRecord } from "../../metrics/metric-record.ts";
import type { PointCaches } from "../../metrics/points/chart.ts";
import { summariesOf } from "../../metrics/points/summaries.ts";
import { RunCollection } from "../../metrics/run-collection.ts";
import { PostedRecords } from "../../metrics/sources/posted-records.ts";
import { CollectorThread, CollectorThreadEnded } from "../../metrics/thread/collector-thread.ts";
import type { Store } from "../../store/store.ts";
import type { Companion } from "../run/companion.ts";
import { messageOf } from "../run/failures.ts";
import { keepMetricFiles, warningsOfEnd } from "./metrics-end.ts";
import { collectedLearners, metricsFolder } from "./metric-places.ts";
import type { RunBook } from "../run/run-book.ts";
import type { ServiceLog } from "../run/service-log.ts";

/** The log of a program that prints all the time is read this often. */
const ROUND_MS = 1000;
/** Files that nobody tells us about are looked for after pauses that double up to this while nothing comes. */
const LONGEST_PAUSE_MS = 30_000;
/** The list of runs learns of new values this often. */
const SUMMARY_MS = 30_000;

export interface MetricsParts {
  readonly home: string;
  readonly clock: Clock;
  readonly log: ServiceLog;
  readonly store: Pick<Store, "saveMetricSummaries">;
  readonly caches: PointCaches;
}

/** A run whose metrics are collected now. */
interface Live {
  readonly run: Run;
  readonly collection: RunCollection;
  /** Points that wait for the next look. */
  samples: readonly MetricPoint[];
  pauseMs: number;
  nextLookMs: number;
  summariesMs: number;
  hasNews: boolean;
  readonly told: Set<string>;
}

/**
 * Collects the metrics of running programs: woken by the growth of their logs, and by looks around for what nobody
 * tells of. What it could not see to, because the server died or the program was quick, is done at the run's end.
 */
export class MetricsWatch implements Companion, AsyncDisposable {
  readonly name = "metrics";
  /** How often any run was looked at, for tests of what idle runs cost. */
  rounds = 0;
  /** How many points came since the server started. */
  points = 0;
  readonly #parts: MetricsParts;
  readonly #book: RunBook;
  readonly #thread = new CollectorThread();
  readonly #live = new Map<string, Live>();
  readonly #posted = new Map<string, PostedRecords>();
  readonly #news = new EventEmitter().setMaxListeners(0);

  constructor(parts: MetricsParts, book: RunBook) {
    this.#parts = parts;
    this.#book = book;
  }

  async accompany(run: Run, over: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    // Most programs that end at once have nothing to say, and the end reads it all the same.
    await clock.sleep(ROUND_MS, over).catch(() => undefined);
    if (over.aborted) return;
    using collection = await this.#open(run);
    const now = clock.monotonicMs();
    const live: Live = {
      run,
      collection,
      samples: [],
      pauseMs: ROUND_MS,
      nextLookMs: now,
      summariesMs: now,
      hasNews: false,
      told: new Set(run.warnings),
    };
    this.#live.set(run.id, live);
    try {
      while (!over.aborted) {
        await this.#round(live, over);
        await clock.sleep(ROUND_MS, over).catch(() => undefined);
        if (!over.aborted) await this.#nextWake(live, over);
      }
    } finally {
      this.#live.delete(run.id);
      // What is left of them is small, and the collection is still the only writer.
      if (live.samples.length > 0) await collection.add(live.samples);
    }
  }

  async conclude(run: Run, signal: AbortSignal): Promise<readonly string[]> {
    // What a program was still sending when it ended is read as well.
    await this.#posted.get(run.id)?.settled();
    this.#posted.delete(run.id);
    using collection = await this.#open(run);
    const { points, warnings } = await collection.collect(true, signal);
    this.points += points;
    const learners = collectedLearners(this.#parts.home, run);
    const folder = metricsFolder(this.#parts.home, run.id);
    await keepMetricFiles({ home: this.#parts.home, folder, run, learners, collection, now: this.#parts.clock.now() });
    if (collection.points.keys.length > 0) await this.#saveSummaries(run.id);
    this.#news.emit(run.id);
    const all = [...warnings, ...warningsOfEnd(run, collection.points)];
    return all.filter((warning) => !run.warnings.includes(warning));
  }

  /** Resolves with true once the records are synced to disk; false when the run has sent too much. */
  async post(runId: string, records: readonly MetricRecord[]): Promise<boolean> {
    let posted = this.#posted.get(runId);
    if (posted === undefined) {
      posted = new PostedRecords(metricsFolder(this.#parts.home, runId), runId);
      this.#posted.set(runId, posted);
    }
    const isKept = await posted.keep(records);
    this.#news.emit(`posted ${runId}`);
    return isKept;
  }

  /** Points for a run that is collected now, kept with its next look; those for another run are dropped. */
  addSamples(runId: string, points: readonly MetricPoint[]): void {
    const live = this.#live.get(runId);
    if (live !== undefined) live.samples = [...live.samples, ...points];
  }

  /** Resolves when the run has new points, or has ended; rejects when aborted. */
  async nextNews(runId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        this.#news.off(runId, tell);
        reject(signal.reason as Error);
      };
      const tell = (): void => {
        signal.removeEventListener("abort", stop);
        resolve();
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#news.once(runId, tell);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  async #open(run: Run): Promise<RunCollection> {
    const { home, clock } = this.#parts;
    return RunCollection.open({
      folder: metricsFolder(home, run.id),
      runId: run.id,
      learners: collectedLearners(home, run),
      thread: this.#thread,
      now: () => clock.now(),
    });
  }

  async #round(live: Live, over: AbortSignal): Promise<void> {
    const { run, collection } = live;
    this.rounds += 1;
    const now = this.#parts.clock.monotonicMs();
    const isLook = now >= live.nextLookMs;
    try {
      const { points, warnings } = await collection.collect(false, over, isLook);
      this.points += points;
      if (points > 0) live.hasNews = true;
      if (isLook) {
        await this.#keepSamples(live);
        live.pauseMs = points > 0 ? ROUND_MS : Math.min(LONGEST_PAUSE_MS, live.pauseMs * 2);
        live.nextLookMs = now + live.pauseMs;
      }
      const fresh = warnings.filter((warning) => !live.told.has(warning));
      if (fresh.length > 0) await this.#warn(run.id, fresh);
      for (const warning of fresh) live.told.add(warning);
      if (points > 0) this.#news.emit(run.id);
      if (live.hasNews && now >= live.summariesMs) {
        live.hasNews = false;
        live.summariesMs = now + SUMMARY_MS;
        await this.#saveSummaries(run.id);
      }
    } catch (error) {
      if (over.aborted) return;
      // The next round reads it again; what stays wrong is told at the end.
      const isKnown = error instanceof CollectorThreadEnded;
      this.#parts.log.warn({ runId: run.id, error: messageOf(error), isKnown }, "metrics could not be collected");
      live.nextLookMs = now + LONGEST_PAUSE_MS;
    }
  }

  async #keepSamples(live: Live): Promise<void> {
    const { samples } = live;
    if (samples.length === 0) return;
    live.samples = [];
    // No news for summaries: of hundreds of quiet runs each would cost a commit twice a minute. The end sums them up.
    await live.collection.add(samples);
  }

  /** Until a log has grown, something was posted, or it is time to look around. Never rejects. */
  async #nextWake({ run, collection, nextLookMs }: Live, over: AbortSignal): Promise<void> {
    const { home, clock } = this.#parts;
    const done = new AbortController();
    const signal = AbortSignal.any([over, done.signal]);
    const present = collectedLearners(home, run).filter(({ attempt }) => attempt === run.attempt);
    const logs = present.flatMap(({ sources }) =>
      sources.files.filter(({ order }) => order.kind !== "ibm").slice(0, 1),
    );
    const wakes = [
      clock.sleep(Math.max(0, nextLookMs - clock.monotonicMs()), signal),
      ...logs.map(async ({ path }) => waitForGrowth(path, collection.bytesRead(path), signal)),
      new Promise<void>((resolve) => {
        this.#news.once(`posted ${run.id}`, resolve);
        signal.addEventListener("abort", () => this.#news.off(`posted ${run.id}`, resolve), { once: true });
      }),
    ];
    try {
      await Promise.race(wakes);
    } catch {
      // Aborted, or a log that cannot be watched: the pause between rounds is kept all the same.
    } finally {
      done.abort(new Error("Another wake-up came first."));
      await Promise.allSettled(wakes.slice(0, -1));
    }
  }

  async #saveSummaries(runId: string): Promise<void> {
    const { home, store, caches } = this.#parts;
    await store.saveMetricSummaries(runId, summariesOf(caches, metricsFolder(home, runId)));
  }

  async #warn(runId: string, warnings: readonly string[]): Promise<void> {
    await this.#book.update(runId, (run, now) => {
      const fresh = warnings.filter((warning) => !run.warnings.includes(warning));
      const events = fresh.map((message) => ({ type: "warning", message }));
      return { run: amend(run, now, { warnings: [...run.warnings, ...fresh] }), events };
    });
  }
}
