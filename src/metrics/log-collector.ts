import type { Collected, Collector } from "./collector.ts";
import { findInLine, type FoundInLine } from "./found-in-line.ts";
import { LineSplitter, type LogLine } from "./line-splitter.ts";
import { isClosingLine } from "./sources/log-banner.ts";
import type { MetricRecord, MetricValue } from "./metric-record.ts";

/**
 * Finds metrics in a training log by itself, where the manifest says nothing of them: `name=number`, JSON lines, and
 * what the frameworks' own loops print. A position that stands on a line of its own (`Epoch 3/10`) holds for the values
 * behind it, until the next one.
 */
export function logCollector(): Collector {
  const lines = new LineSplitter();
  let safeOffset = 0;
  let positions: Readonly<Record<string, number>> = {};
  const read = (texts: readonly LogLine[], seenAt: Date): Collected => {
    const records: MetricRecord[] = [];
    for (const { text, end } of texts) {
      safeOffset = end;
      const found = isClosingLine(text) ? null : findInLine(text);
      if (found === null) continue;
      if (Object.keys(found.positions).length > 0) positions = found.positions;
      if (Object.keys(found.values).length > 0) records.push(recordOf({ ...found, positions }, seenAt));
    }
    return { records, warnings: [] };
  };
  return {
    get safeOffset() {
      return safeOffset;
    },
    push: (bytes, seenAt) => read(lines.push(bytes), seenAt),
    finish: (seenAt) => read(lines.finish(), seenAt),
  };
}

/** Finer positions say more: of `epoch` and `step` in one line the step is the point's. */
const COARSE = /^epochs?$/iu;

function recordOf({ positions, values }: FoundInLine, seenAt: Date): MetricRecord {
  const named = Object.entries(positions);
  const [, step = null] = named.find(([name]) => !COARSE.test(name)) ?? named[0] ?? [];
  return {
    group: "",
    at: seenAt,
    isOwnTime: false,
    step,
    etimes: numbers(positions),
    values: numbers(values),
    subId: null,
  };
}

function numbers(values: Readonly<Record<string, number>>): Record<string, MetricValue> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { type: Number.isInteger(value) ? "INT" : "FLOAT", value }]),
  );
}
