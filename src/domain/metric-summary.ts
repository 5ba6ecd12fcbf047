/** What a list of runs says of one curve, so that none of its points need be read. */
export interface MetricSummary {
  readonly key: string;
  readonly count: number;
  /** Of the finite values; null where there is none. */
  readonly min: number | null;
  readonly max: number | null;
  /** NaN and infinities are as good as any. */
  readonly last: number;
  readonly lastStep: number;
  readonly lastAt: Date;
}
