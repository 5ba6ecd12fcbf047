import type { Clock } from "../../base/clock.ts";
import { metricsTooFast, requestTooLarge, runAlreadyEnded, runNotRunning } from "../../domain/errors.ts";
import type { MetricSummary } from "../../domain/metric-summary.ts";
import { isTerminal } from "../../domain/run-state.ts";
import type { Run } from "../../domain/run.ts";
import type { MetricRecord } from "../../metrics/metric-record.ts";
import { drawChart, type Chart, type ChartRequest, type Curve, type PointCaches } from "../../metrics/points/chart.ts";
import { summariesOf } from "../../metrics/points/summaries.ts";
import type { RunMetrics, Store } from "../../store/store.ts";
import { metricsFolder } from "./metric-places.ts";
import type { MetricsWatch } from "./metrics-watch.ts";
import type { RunBook } from "../run/run-book.ts";

/** A program may report so often; what it has to say between can go into one request. */
const REPORTS_PER_SECOND = 50;
const BURST = 200;

export interface MetricServiceParts {
  readonly home: string;
  readonly clock: Clock;
  readonly store: Pick<Store, "listMetricSummaries">;
  readonly caches: PointCaches;
  readonly watch: MetricsWatch;
  readonly book: RunBook;
}

/** What can be asked of metrics, for every surface. All methods may be called at once. */
export class MetricService {
  readonly #parts: MetricServiceParts;
  /** Of runs that report now: what is left of their burst, and when that was. */
  readonly #allowances = new Map<string, { left: number; atMs: number }>();

  constructor(parts: MetricServiceParts) {
    this.#parts = parts;
  }

  /** Every metric of the run, in the order in which they were first seen; `run_not_found` where there is no such run. */
  async list(runId: string): Promise<{ readonly run: Run; readonly summaries: readonly MetricSummary[] }> {
    const { home, book, caches, store } = this.#parts;
    const run = await book.get(runId);
    const summaries = summariesOf(caches, metricsFolder(home, runId));
    if (summaries.length > 0) return { run, summaries };
    const [kept] = await store.listMetricSummaries([runId], null);
    return { run, summaries: kept?.summaries ?? [] };
  }

  /** The curves of the runs over one grid. `keys` null: every key that the first `most` curves have. */
  async chart(
    runIds: readonly string[],
    keys: readonly string[] | null,
    request: ChartRequest,
    most: number,
    signal: AbortSignal,
  ): Promise<Chart> {
    const { home, book, caches } = this.#parts;
    const curves: Curve[] = [];
    for (const id of runIds) {
      await book.get(id);
      const folder = metricsFolder(home, id);
      for (const key of keys ?? caches.keys.keysIn(folder)) {
        if (curves.length < most) curves.push({ folder, key });
      }
    }
    return drawChart(caches, curves, request, signal);
  }

  /** What the lists of runs know of these metrics, which is half a minute old at most. */
  async summariesOf(runIds: readonly string[], keys: readonly string[]): Promise<readonly RunMetrics[]> {
    return this.#parts.store.listMetricSummaries(runIds, keys);
  }

  /** The run that the curve of a chart belongs to. */
  runOf({ folder }: Curve): string {
    return folder.split("/").at(-2) ?? "";
  }

  /** Takes what a program reports of itself. Resolves only after it is synced to disk. */
  async report(runId: string, records: readonly MetricRecord[]): Promise<void> {
    const run = await this.#parts.book.get(runId);
    if (isTerminal(run.state)) throw runAlreadyEnded(runId, run.state);
    // Downloading too: a program may be faster than the note that it runs.
    if (run.state !== "running" && run.state !== "downloading") throw runNotRunning(runId, run.state);
    this.#spend(runId);
    if (!(await this.#parts.watch.post(runId, records))) throw requestTooLarge(`What run '${runId}' reports`, "64 MB");
  }

  /** Resolves when the run has new points, or has ended. */
  async waitForNews(runId: string, signal: AbortSignal): Promise<void> {
    await this.#parts.watch.nextNews(runId, signal);
  }

  #spend(runId: string): void {
    const now = this.#parts.clock.monotonicMs();
    const { left, atMs } = this.#allowances.get(runId) ?? { left: BURST, atMs: now };
    const allowance = Math.min(BURST, left + ((now - atMs) * REPORTS_PER_SECOND) / 1000);
    if (allowance < 1) throw metricsTooFast(runId, REPORTS_PER_SECOND);
    // Runs that have not reported for long are forgotten; their burst is whole again.
    this.#allowances.delete(runId);
    this.#allowances.set(runId, { left: allowance - 1, atMs: now });
    if (this.#allowances.size > 1000) this.#allowances.delete(this.#allowances.keys().next().value as string);
  }
}
