import type { EvaluationMetrics, MetricField } from "../domain/training-spec.ts";
import { withoutNulls } from "./conversion.ts";

/** `evaluation_metrics`, which FfDL's manifests and ours have alike. */
export function printMetrics(metrics: EvaluationMetrics): object {
  const { type, lineLookahead, eventTypes, groups } = metrics;
  const byLabel = groups.map(({ label, regex, meta, scalars, etimes }) => [
    label,
    withoutNulls({ regex, meta: orNull(meta), scalars: printFields(scalars), etimes: printFields(etimes) }),
  ]);
  return withoutNulls({
    type,
    in: metrics.in,
    line_lookahead: lineLookahead,
    eventTypes,
    groups: orNull(Object.fromEntries(byLabel)),
  });
}

function printFields(fields: readonly MetricField[]): object | null {
  return orNull(Object.fromEntries(fields.map(({ key, type, value }) => [key, { type, value }])));
}

function orNull(map: object): object | null {
  return Object.keys(map).length === 0 ? null : map;
}
