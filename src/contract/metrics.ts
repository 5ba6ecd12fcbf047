import { z } from "zod";

/** JSON has no NaN and no infinities; they are told by their names. */
export const Value = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]);
export type Value = z.infer<typeof Value>;

export const MetricView = z.object({
  key: z.string(),
  /** How many points there are. */
  count: z.int(),
  last: Value,
  lastStep: Value,
  lastAt: z.iso.datetime(),
  /** Of the finite values; null where there is none. */
  min: z.number().nullable(),
  max: z.number().nullable(),
  /** `min` for names that hold loss, err, perplexity, ppl, mse, mae, rmse, cost, time or the like, `max` for all others. */
  best: z.number().nullable(),
});
export type MetricView = z.infer<typeof MetricView>;

export const MetricList = z
  .object({
    run: z.string(),
    /** False while more may come. */
    isComplete: z.boolean(),
    metrics: z.array(MetricView),
  })
  .meta({ id: "MetricList" });
export type MetricList = z.infer<typeof MetricList>;

export const ChartView = z
  .object({
    /** Bucket `i` holds what lies at `(first + i) * width` or behind, and before the next bucket; null where there is no point. */
    grid: z.object({ axis: z.enum(["step", "time"]), width: z.number(), first: z.number(), count: z.int() }).nullable(),
    series: z.array(
      z.object({
        run: z.string(),
        key: z.string(),
        /** Columns of one length: only buckets that are not empty. Values have six significant digits. */
        bucket: z.array(z.int()),
        /** Of the finite values; null where there is none. */
        min: z.array(z.number().nullable()),
        max: z.array(z.number().nullable()),
        mean: z.array(z.number().nullable()),
        last: z.array(Value),
        count: z.array(z.int()),
        /** How many values are NaN or infinite; left out where none is. */
        notFinite: z.array(z.int()).optional(),
      }),
    ),
    /** True when there are more curves than fit into one answer. */
    truncated: z.boolean(),
  })
  .meta({ id: "Chart" });
export type ChartView = z.infer<typeof ChartView>;

const Report = z.strictObject({
  /** Steps, iterations, epochs: whatever the program counts by. */
  step: z.number().optional(),
  /** Seconds since 1970; left out: now. */
  time: z.number().min(0).max(253_402_300_799).optional(),
  values: z
    .record(z.string().min(1).max(250), Value)
    .refine((values) => Object.keys(values).length <= 100, "at most 100 values together"),
});
export const Reports = z.union([Report, z.array(Report).max(1000)]);
export type Reports = z.infer<typeof Reports>;
