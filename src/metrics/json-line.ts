/** How deep objects in a line are looked into: `{"eval": {"loss": 0.5}}` gives `eval/loss`. */
const MAX_DEPTH = 3;

/** NaN and Infinity are no JSON, but what Python's `json.dumps` writes for them. */
const PYTHON_NUMBER = /(?<=[:,[\s])(-?)(NaN|Infinity)(?=\s*[,}\]])/gu;

/**
 * The numbers of a line that is one JSON object, by their names, with `/` between levels. Null for every other line.
 * Truth values and numbers in strings are not measurements.
 */
export function readJsonLine(line: string): Record<string, number> | null {
  const text = line.trim();
  if (!text.startsWith("{") || !text.endsWith("}")) return null;
  const object =
    parse(text) ?? parse(text.replace(PYTHON_NUMBER, (_, sign: string, word: string) => `"\\u0000${sign}${word}"`));
  if (object === null) return null;
  const numbers: Record<string, number> = {};
  collect(object, "", MAX_DEPTH, numbers);
  return numbers;
}

function parse(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    // Not JSON: an ordinary line that happens to stand in braces.
    return null;
  }
}

function collect(object: object, prefix: string, depth: number, numbers: Record<string, number>): void {
  for (const [name, value] of Object.entries(object) as [string, unknown][]) {
    const key = prefix === "" ? name : `${prefix}/${name}`;
    if (typeof value === "number") numbers[key] = value;
    else if (typeof value === "string" && value.startsWith("\u0000")) numbers[key] = Number(value.slice(1));
    else if (typeof value === "object" && value !== null && !Array.isArray(value) && depth > 1) {
      collect(value, key, depth - 1, numbers);
    }
  }
}
