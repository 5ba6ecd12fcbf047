import {
  parseMetricCondition,
  parseMetricOrder,
  type MetricCondition,
  type MetricOrder,
} from "../contract/metric-query.ts";
import type { RunView } from "../contract/run.ts";
import { requestInvalid } from "../domain/errors.ts";
import { viewMetric } from "./routes/metrics.ts";
import type { MetricService } from "./services.ts";

interface MetricQuery {
  readonly metric: MetricCondition | null;
  readonly sort: MetricOrder | null;
}

/** What a list of runs is asked by; refuses what cannot be read. */
export function metricQuery(query: {
  readonly metric?: string | undefined;
  readonly sort?: string | undefined;
}): MetricQuery {
  const metric = query.metric === undefined ? null : parseMetricCondition(query.metric);
  const sort = query.sort === undefined ? null : parseMetricOrder(query.sort);
  if (query.metric !== undefined && metric === null) {
    throw requestInvalid(`'${query.metric}' is no condition for a metric.`, "Write it as loss<0.5 (or <=, >, >=, =).");
  }
  if (query.sort !== undefined && sort === null) {
    throw requestInvalid(`'${query.sort}' is no order of runs.`, "Write it as metric:loss or metric:loss:last:asc.");
  }
  return { metric, sort };
}

/** The runs with the metrics that the list was asked by. */
export async function withMetrics(
  views: readonly RunView[],
  { metric, sort }: MetricQuery,
  metrics: MetricService,
): Promise<RunView[]> {
  const keys = [metric?.key, sort?.key].filter((key) => key !== undefined);
  if (keys.length === 0) return [...views];
  const ids = views.map(({ id }) => id);
  const known = new Map((await metrics.summariesOf(ids, keys)).map(({ runId, summaries }) => [runId, summaries]));
  return views.map((view) => ({ ...view, metrics: (known.get(view.id) ?? []).map(viewMetric) }));
}
