import type { MetricRecord } from "./metric-record.ts";

/** What a collector has found in one portion of its source. */
export interface Collected {
  readonly records: readonly MetricRecord[];
  /** Sentences for the run, each at most once: a pattern that was cut off, a file that is damaged from some byte on. */
  readonly warnings: readonly string[];
}

/**
 * Reads metrics out of one source (a log, an event file), portion by portion as it grows. Pure: no file, no clock.
 * After a crash the source is read again from the last `safeOffset` that was kept with the points.
 */
export interface Collector {
  /** The next bytes of the source, and when the service saw them. Portions may end anywhere, within a line or a number. */
  push(bytes: Uint8Array, seenAt: Date): Collected;
  /** The source will not grow any more: what was held back for more lines is decided now. */
  finish(seenAt: Date): Collected;
  /** Bytes of the source from its beginning whose records have all been given: where a reader may begin anew with a fresh collector. */
  readonly safeOffset: number;
}

export const NOTHING: Collected = { records: [], warnings: [] };
