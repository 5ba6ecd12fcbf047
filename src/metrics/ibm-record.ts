import { LATEST_MS, type MetricRecord, type MetricValue } from "./metric-record.ts";

/**
 * The records of the service of 2017-18: one JSON object for each line of `evaluation-metrics.txt`.
 *
 *   {"meta": {"training_id", "time" (ms since 1970), "rindex", "subid"?}, "grouplabel": "test",
 *    "etimes": {"iteration": {"type": 2, "value": "1"}}, "values": {"accuracy": {"type": 3, "value": "0.6"}}}
 *
 * Types are the numbers of its protocol, or FfDL's words; values come as text or as they are. What IBM's `emetrics.py`
 * wrote is read with its quirks: a truth value called an integer, a `time_stamp` without a type.
 */
const TYPE_NAMES = ["STRING", "JSONSTRING", "INT", "FLOAT"] as const;

/** Null for a line that is no such record. */
export function readIbmRecord(line: string, seenAt: Date): MetricRecord | null {
  const record = parse(line);
  if (record === null || !isObject(record["values"])) return null;
  const meta = isObject(record["meta"]) ? record["meta"] : {};
  const time = Number(meta["time"]);
  const isOwnTime = time > 0 && time <= LATEST_MS;
  const etimes = readValues(record["etimes"]);
  const { grouplabel } = record;
  return {
    group: typeof grouplabel === "string" ? grouplabel : "",
    at: isOwnTime ? new Date(time) : seenAt,
    isOwnTime,
    step: stepOf(etimes),
    etimes,
    values: readValues(record["values"]),
    subId: typeof meta["subid"] === "string" && meta["subid"] !== "" ? meta["subid"] : null,
  };
}

/** One line, without its line feed. `index` counts the records of a run from 1, as `rindex` was meant to. */
export function writeIbmRecord(record: MetricRecord, trainingId: string, index: number): string {
  const { group, at, subId, etimes, values } = record;
  const subid = subId === null ? {} : { subid: subId };
  return JSON.stringify({
    meta: { training_id: trainingId, time: at.getTime(), rindex: index, ...subid },
    grouplabel: group,
    etimes: writeValues(etimes),
    values: writeValues(values),
  });
}

function writeValues(values: Readonly<Record<string, MetricValue>>): Record<string, { type: number; value: string }> {
  return Object.fromEntries(
    Object.entries(values).map(([name, { type, value }]) => [
      name,
      { type: TYPE_NAMES.indexOf(type), value: typeof value === "number" ? numberText(value) : value },
    ]),
  );
}

/** As Python reads numbers: its `float` knows `inf` and `nan`. */
function numberText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "inf" : "-inf";
}

function readValues(values: unknown): Record<string, MetricValue> {
  if (!isObject(values)) return {};
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, typed]) => {
      const value = readValue(typed);
      return value === null ? [] : [[name, value] as const];
    }),
  );
}

function readValue(typed: unknown): MetricValue | null {
  if (typeof typed === "number") return { type: "FLOAT", value: typed };
  if (!isObject(typed)) return null;
  const { value } = typed;
  const type = typeNameOf(typed["type"]);
  if (type === "STRING" || type === "JSONSTRING") return { type, value: String(value) };
  const number = numberOf(value);
  if (number !== null) return { type: type ?? "FLOAT", value: number };
  return typeof value === "string" ? { type: "STRING", value } : null;
}

function typeNameOf(type: unknown): (typeof TYPE_NAMES)[number] | undefined {
  if (typeof type === "number") return TYPE_NAMES[type];
  return TYPE_NAMES.find((name) => name === type);
}

function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string") return null;
  const text = value.trim();
  if (/^(?:true|false)$/iu.test(text)) return /^t/iu.test(text) ? 1 : 0;
  const word = /^([-+]?)(nan|inf(?:inity)?)$/iu.exec(text);
  if (word !== null) return /nan/iu.test(text) ? NaN : word[1] === "-" ? -Infinity : Infinity;
  const number = Number(text);
  return text === "" || Number.isNaN(number) ? null : number;
}

/** What programs of that time call their position, the finest first. */
const STEP_NAMES = ["iteration", "step", "steps", "global_step", "epoch"];

function stepOf(etimes: Readonly<Record<string, MetricValue>>): number | null {
  for (const name of STEP_NAMES) {
    const value = Object.hasOwn(etimes, name) ? etimes[name]?.value : undefined;
    if (typeof value === "number") return value;
  }
  return null;
}

function parse(line: string): Record<string, unknown> | null {
  if (!line.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : null;
  } catch {
    // A line that is still being written, or no record at all.
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
