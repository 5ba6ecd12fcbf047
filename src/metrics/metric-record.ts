/** A value as a program reported it. Only numbers become points; texts are kept for IBM's record format. */
export type MetricValue =
  | { readonly type: "FLOAT" | "INT"; readonly value: number }
  | { readonly type: "STRING" | "JSONSTRING"; readonly value: string };

/**
 * What a program reported at one moment, in the shape of the service of 2017-18: one record is one line of
 * `evaluation-metrics.txt`. Collectors make records; what asks for curves sees points (`pointsOf`).
 */
export interface MetricRecord {
  /** `train`, `test`, a folder of event files, or empty: the first part of a point's key. */
  readonly group: string;
  /** When it happened: as the program said (event files, IBM's records), else when the service saw it. */
  readonly at: Date;
  /** Whether `at` is the program's own time. */
  readonly isOwnTime: boolean;
  /** The position in the training that the program named: a step, an iteration or an epoch; null where it named none. */
  readonly step: number | null;
  /** Every position that was named, under its own name: `iteration`, `epoch`, `wall_time`, ... */
  readonly etimes: Readonly<Record<string, MetricValue>>;
  readonly values: Readonly<Record<string, MetricValue>>;
  /** Of a search's trial, where the program named one. */
  readonly subId: string | null;
}

/** The end of the year 9999, in milliseconds since 1970: what a program says beyond it is no time that could be told. */
export const LATEST_MS = 253_402_300_799_999;

/** One number on one curve. NaN and infinities are values like others: a loss that explodes must be seen. */
export interface MetricPoint {
  /** `GROUP/NAME`, or `NAME` where there is no group. */
  readonly key: string;
  readonly step: number | null;
  readonly at: Date;
  readonly value: number;
}

/** Longer keys are cut with a mark, so that a program cannot fill the service with names. In UTF-16 units. */
const MAX_KEY_LENGTH = 250;

/** Whatever a program prints as its position, `1e999` too; beyond this it is none, and no chart could be drawn over it. */
const MAX_STEP = Number.MAX_SAFE_INTEGER;

export function pointsOf(record: MetricRecord): readonly MetricPoint[] {
  const { group, at } = record;
  const step = record.step !== null && Math.abs(record.step) <= MAX_STEP ? record.step : null;
  return Object.entries(record.values).flatMap(([name, value]) =>
    typeof value.value === "number" ? [{ key: keyOf(group, name), step, at, value: value.value }] : [],
  );
}

function keyOf(group: string, name: string): string {
  const key = group === "" ? name : `${group}/${name}`;
  return key.length <= MAX_KEY_LENGTH ? key : `${key.slice(0, MAX_KEY_LENGTH - 1)}…`;
}
