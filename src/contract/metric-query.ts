/** Both bounds belong to it. */
export interface MetricCondition {
  readonly key: string;
  readonly min?: number;
  readonly max?: number;
}

export interface MetricOrder {
  readonly key: string;
  readonly of: "last" | "min" | "max";
  readonly order: "ascending" | "descending";
}

const LESS_IS_BETTER = /loss|err|perplexity|ppl|mse|mae|rmse|cost|entropy|divergence|time|seconds|latency/iu;

/** Which of a metric's bounds is its best value. */
export function bestOf(key: string): "min" | "max" {
  return LESS_IS_BETTER.test(key) ? "min" : "max";
}

/** `loss<0.5`, `acc>=0.9`, of the latest value; null for a text that is none. */
export function parseMetricCondition(text: string): MetricCondition | null {
  const [, key = "", operator = "", number = ""] = /^([^<>=]+)(<=|>=|<|>|=)\s*(\S+)$/u.exec(text.trim()) ?? [];
  const value = Number(number);
  if (key.trim() === "" || number === "" || !Number.isFinite(value)) return null;
  const name = key.trim();
  if (operator === "=") return { key: name, min: value, max: value };
  if (operator.startsWith("<")) return { key: name, max: operator === "<" ? neighbour(value, -1) : value };
  return { key: name, min: operator === ">" ? neighbour(value, 1) : value };
}

/** `metric:loss` for the best first, `metric:loss:last:asc` for another order; null for a text that is none. */
export function parseMetricOrder(text: string): MetricOrder | null {
  const [, key = "", of, direction] = /^metric:(.+?)(?::(last|min|max))?(?::(asc|desc))?$/u.exec(text) ?? [];
  if (key === "") return null;
  const best = bestOf(key);
  const order = direction === undefined ? (best === "min" ? "ascending" : "descending") : `${direction}ending`;
  return { key, of: (of as MetricOrder["of"] | undefined) ?? best, order: order as MetricOrder["order"] };
}

/** The next double above or below. */
function neighbour(value: number, direction: 1 | -1): number {
  if (value === 0) return direction * Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 === direction > 0 ? 1n : -1n));
  return view.getFloat64(0);
}
