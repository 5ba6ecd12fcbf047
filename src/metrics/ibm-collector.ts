import type { Collected, Collector } from "./collector.ts";
import { readIbmRecord } from "./ibm-record.ts";
import { LineSplitter } from "./line-splitter.ts";

/** Reads a program's own `evaluation-metrics.txt` while it is written. Lines that are no records are left out. */
export function ibmCollector(): Collector {
  const splitter = new LineSplitter();
  const read = (lines: readonly string[], seenAt: Date): Collected => ({
    records: lines.flatMap((line) => readIbmRecord(line, seenAt) ?? []),
    warnings: [],
  });
  return {
    get safeOffset() {
      return splitter.offset;
    },
    push: (bytes, seenAt) => read(splitter.push(bytes), seenAt),
    finish: (seenAt) => read(splitter.finish(), seenAt),
  };
}
