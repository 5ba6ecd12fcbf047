import type { FastifyInstance } from "fastify";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FiguresSource } from "./services.ts";

/** From what a local request takes to the longest wait that a route allows. */
const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60];

/**
 * What the server tells a Prometheus of itself. Figures are read when they are asked for; only the durations of
 * answers are counted as they come.
 */
export class ServerFigures {
  readonly #registry = new Registry();
  readonly #durations: Histogram<"route" | "method" | "status">;

  constructor(source: FiguresSource) {
    const registers = [this.#registry];
    // Memory, CPU and the lag of the event loop of this process.
    collectDefaultMetrics({ register: this.#registry, prefix: "trainyard_" });
    this.#durations = new Histogram({
      name: "trainyard_http_request_duration_seconds",
      help: "How long answers took, by route; of streams, until they ended.",
      labelNames: ["route", "method", "status"],
      buckets: SECONDS,
      registers,
    });
    const runs = new Gauge({ name: "trainyard_runs_total", help: "Runs by state.", labelNames: ["state"], registers });
    const queue = new Gauge({ name: "trainyard_queue_length", help: "Runs that wait for devices.", registers });
    const devices = new Gauge({
      name: "trainyard_devices",
      help: "Devices by kind and use: free, held by a run, or withheld by processes that do not end.",
      labelNames: ["kind", "use"],
      registers,
    });
    const cache = new Gauge({ name: "trainyard_cache_bytes", help: "Training data in the cache.", registers });
    const asked = new Counter({
      name: "trainyard_cache_objects_total",
      help: "Objects that runs found in the cache, or not, since the server started.",
      labelNames: ["result"],
      registers,
    });
    const fetched = new Counter({
      name: "trainyard_cache_transfer_bytes_total",
      help: "Bytes that runs found in the cache, or not, since the server started.",
      labelNames: ["result"],
      registers,
    });
    const points = new Counter({
      name: "trainyard_metric_points_total",
      help: "Points of runs' metrics that were collected since the server started.",
      registers,
    });
    // One look for all of them, at the first in the order of their making.
    this.#look = async () => {
      const { runsByState, queueLength, deviceUse, cacheFigures, metricPoints } = await source.read();
      for (const [state, count] of Object.entries(runsByState)) runs.set({ state }, count);
      queue.set(queueLength);
      for (const { kind, use, count } of deviceUse) devices.set({ kind, use }, count);
      cache.set(cacheFigures.sizeBytes);
      asked.reset();
      asked.inc({ result: "hit" }, cacheFigures.hitObjects);
      asked.inc({ result: "miss" }, cacheFigures.missObjects);
      fetched.reset();
      fetched.inc({ result: "hit" }, cacheFigures.hitBytes);
      fetched.inc({ result: "miss" }, cacheFigures.missBytes);
      points.reset();
      points.inc(metricPoints);
    };
  }

  readonly #look: () => Promise<void>;

  /** Counts the answers of every route of the app. */
  watch(app: FastifyInstance): void {
    app.addHook("onResponse", (request, reply, done) => {
      // The route as it is in the table; what others make up as a path would be names without end.
      const route = request.routeOptions.url ?? "none";
      this.#durations.observe(
        { route, method: request.method, status: String(reply.statusCode) },
        reply.elapsedTime / 1000,
      );
      done();
    });
  }

  async text(): Promise<{ readonly text: string; readonly type: string }> {
    await this.#look();
    return { text: await this.#registry.metrics(), type: this.#registry.contentType };
  }
}
