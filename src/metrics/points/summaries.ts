import type { MetricSummary } from "../../domain/metric-summary.ts";
import type { PointCaches } from "./chart.ts";
import { FIELD } from "./node.ts";
import { latestOf, totalOf } from "./series-total.ts";

/** What there is to say of each of a run's curves, from a few reads each. Keys without a point yet are left out. */
export function summariesOf({ keys, readers }: PointCaches, folder: string): readonly MetricSummary[] {
  return keys.keysIn(folder).flatMap((key, series) =>
    readers.use(folder, series, (reader): MetricSummary[] => {
      const total = totalOf(reader);
      const latest = latestOf(reader);
      if (total === null || latest === null) return [];
      const { step, at, value } = latest;
      return [
        {
          key,
          count: total[FIELD.count] as number,
          min: finiteOrNull(total[FIELD.min] as number),
          max: finiteOrNull(total[FIELD.max] as number),
          last: value,
          lastStep: step,
          lastAt: at,
        },
      ];
    }),
  );
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
