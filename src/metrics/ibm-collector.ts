import type { Collected, Collector } from "./collector.ts";
import { readIbmRecord } from "./ibm-record.ts";
import { LineSplitter, type LogLine } from "./line-splitter.ts";

/** Reads a program's own `evaluation-metrics.txt` while it is written. Lines that are no records are left out. */
export function ibmCollector(): Collector {
  const splitter = new LineSplitter();
  let safeOffset = 0;
  const read = (lines: readonly LogLine[], seenAt: Date): Collected => {
    safeOffset = lines.at(-1)?.end ?? safeOffset;
    return { records: lines.flatMap(({ text }) => readIbmRecord(text, seenAt) ?? []), warnings: [] };
  };
  return {
    get safeOffset() {
      return safeOffset;
    },
    push: (bytes, seenAt) => read(splitter.push(bytes), seenAt),
    finish: (seenAt) => read(splitter.finish(), seenAt),
  };
}
