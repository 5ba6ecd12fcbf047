import type { RunState } from "../domain/run-state.ts";
import type { CacheFigures } from "../staging/data-staging.ts";
import type { Store } from "../store/store.ts";
import type { DataCache } from "./preparation/data-cache.ts";
import type { MetricsWatch } from "./metrics/metrics-watch.ts";
import type { DeviceUse, Scheduler } from "./queue/scheduler.ts";

export interface FiguresParts {
  readonly store: Pick<Store, "countRuns">;
  readonly scheduler: Pick<Scheduler, "queueLength" | "deviceUse">;
  readonly cache: Pick<DataCache, "figures">;
  readonly watch: Pick<MetricsWatch, "points">;
}

/** What the server can tell of itself, for those who watch many. */
export interface ControlFigures {
  readonly runsByState: Readonly<Record<RunState, number>>;
  readonly queueLength: number;
  readonly deviceUse: readonly DeviceUse[];
  readonly cacheFigures: CacheFigures;
  readonly metricPoints: number;
}

export async function readFigures({ store, scheduler, cache, watch }: FiguresParts): Promise<ControlFigures> {
  return {
    runsByState: await store.countRuns(),
    queueLength: scheduler.queueLength,
    deviceUse: scheduler.deviceUse(),
    cacheFigures: cache.figures(),
    metricPoints: watch.points,
  };
}
