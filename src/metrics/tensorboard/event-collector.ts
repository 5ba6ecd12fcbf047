import { NOTHING, type Collected, type Collector } from "../collector.ts";
import { LATEST_MS, type MetricRecord } from "../metric-record.ts";
import { readEvent } from "./event.ts";
import { RecordReader } from "./record-reader.ts";

/** What TensorBoard itself recognises its files by. */
export function isEventFile(name: string): boolean {
  return name.includes("tfevents");
}

/** The scalars of one event file under one group. `name` is for warnings. */
export function eventCollector(group: string, name: string): Collector {
  const reader = new RecordReader();
  let isTold = false;
  return {
    get safeOffset() {
      return reader.offset;
    },
    push: (bytes, seenAt): Collected => {
      const records: MetricRecord[] = [];
      let malformed: string | null = null;
      for (const message of reader.push(bytes)) {
        try {
          const record = recordOf(message, group, seenAt);
          if (record !== null) records.push(record);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          malformed ??= error.message;
        }
      }
      const fact = reader.damage === null ? malformed : reader.damage.fact;
      if (fact === null || isTold) return { records, warnings: [] };
      isTold = true;
      const rest =
        reader.damage === null ? "such events are left out" : `nothing is read from byte ${reader.damage.offset} on`;
      return { records, warnings: [`The event file '${name}' is damaged: ${fact}; ${rest}.`] };
    },
    finish: () => NOTHING,
  };
}

function recordOf(message: Buffer, group: string, seenAt: Date): MetricRecord | null {
  const event = readEvent(message);
  if (event === null) return null;
  const { wallTime, step, scalars } = event;
  // A damaged or absurd time is no time.
  const hasTime = wallTime >= 0 && wallTime * 1000 <= LATEST_MS;
  return {
    group,
    at: hasTime ? new Date(wallTime * 1000) : seenAt,
    isOwnTime: hasTime,
    step,
    etimes: {
      iteration: { type: "INT", value: step },
      wall_time: { type: "FLOAT", value: wallTime },
    },
    values: Object.fromEntries(scalars.map(({ tag, value }) => [tag, { type: "FLOAT", value }])),
    subId: null,
  };
}
