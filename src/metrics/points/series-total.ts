import { addNode, addPoint, emptyNode, FANOUT, NODE_FIELDS, POINT_FIELDS } from "./node.ts";
import { nodesOf } from "./series-files.ts";
import type { SeriesReader } from "./series-reader.ts";

/** One node of all points of a series, from a few reads however many there are; null for a series without points. */
export function totalOf(reader: SeriesReader): Float64Array | null {
  if (reader.count === 0) return null;
  const total = emptyNode();
  for (let level = reader.top; level >= 0; level -= 1) {
    const covered = level === reader.top ? 0 : nodesOf(reader.count, level + 1) * FANOUT;
    const records = reader.read(level, covered, nodesOf(reader.count, level));
    const fields = level === 0 ? POINT_FIELDS : NODE_FIELDS;
    for (let at = 0; at < records.length; at += fields) {
      if (level === 0) addPoint(total, records, at);
      else addNode(total, records, at);
    }
  }
  return total;
}

/** Step, time and value of the latest point; null for a series without points. */
export function latestOf(
  reader: SeriesReader,
): { readonly step: number; readonly at: Date; readonly value: number } | null {
  if (reader.count === 0) return null;
  const [step = NaN, at = NaN, value = NaN] = reader.read(0, reader.count - 1, reader.count);
  return { step, at: new Date(at), value };
}
