import type { MetricRecord, MetricValue } from "./metric-record.ts";

const POSITIONS = new Set(["steps", "step", "epoch", "epochs", "iteration"]);

/**
 * `$RESULT_DIR/val_dict_list.json`, which programs write for the search of 2017-18 once they have ended:
 * `[{"steps": 100, "accuracy": 0.6}, …]`, of the test data only. Null when the text is no such list.
 */
export function readValDictList(text: string, seenAt: Date): readonly MetricRecord[] | null {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return null; // It is not ours to say what a program's file should have been.
  }
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const numbers = Object.entries(entry).flatMap(([name, value]: [string, unknown]) => {
      const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
      return typeof number === "number" ? [[name, number] as const] : [];
    });
    const etimes = numbers.filter(([name]) => POSITIONS.has(name));
    const values = numbers.filter(([name]) => !POSITIONS.has(name));
    if (values.length === 0) return [];
    const typed = (pairs: typeof numbers): Record<string, MetricValue> =>
      Object.fromEntries(
        pairs.map(([name, value]) => [name, { type: Number.isInteger(value) ? "INT" : "FLOAT", value }]),
      );
    const [, step = null] = etimes[0] ?? [];
    return [
      { group: "test", at: seenAt, isOwnTime: false, step, etimes: typed(etimes), values: typed(values), subId: null },
    ];
  });
}
