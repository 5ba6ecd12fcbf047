/** What differs between the machine of a page's author and this one, from the most special to the plainest. */
const DIFFERENCES: readonly (readonly [RegExp, string])[] = [
  [/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME"],
  [/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \w+ \d{4}/g, "TIME"],
  [/\d{4}-\d\d-\d\d \d\d:\d\d/g, "TIME"],
  [/\b[0-9a-f]{64}\b/g, "SHA256"],
  [/\b\d+(\.\d+)? (B|kB|MB|GB|TB)\b/g, "SIZE"],
  [/\b\d+ (ms|s|min|h|d)\b/g, "AGE"],
  [/"(version|sizeBytes|pid)": \d+/g, '"$1": N'],
  [/\b\d+(\.\d+)+/g, "X.Y"],
  // Where the Node is that the service runs on.
  [/\(\/\S+\/node\)/g, "(NODE)"],
  // Sizes in the listing of a ZIP.
  [/^ *\d+ {2,}(?=TIME|\d+ files?)/gm, "SIZE  "],
  // Columns are as wide as their widest cell.
  [/ {2,}/g, "  "],
  [/-{2,}/g, "--"],
];

const RUN_ID = /training-[0-9A-Za-z]{9}/g;

/** The names that a page uses for what is called otherwise on this machine: runs' ids, folders, an address. */
export class Names {
  /** Ids of the page that no run has yet, in the order in which the page tells them. */
  readonly #unused: string[];
  readonly #ids = new Map<string, string>();
  /** From this machine's text to the page's. */
  readonly #texts: (readonly [here: string, there: string])[] = [];

  constructor(pageText: string) {
    this.#unused = [...new Set(pageText.match(RUN_ID))];
  }

  /** From now on, `here` is what the page calls `there`. */
  learn(here: string, there: string): void {
    this.#texts.push([here, there]);
  }

  /** A command of the page as it must be typed here. */
  toHere(text: string): string {
    const back = new Map([...this.#ids].map(([here, there]) => [there, here]));
    const command = text.replace(RUN_ID, (id) => back.get(id) ?? id);
    return this.#texts.reduceRight((result, [here, there]) => result.replaceAll(there, here), command);
  }

  /** Output of this machine in the page's words. The first new id that comes is the next one of the page. */
  toPage(text: string): string {
    const output = this.#texts.reduce((result, [here, there]) => result.replaceAll(here, there), text);
    return output.replace(RUN_ID, (id) => {
      const known = this.#ids.get(id) ?? this.#unused.shift() ?? id;
      this.#ids.set(id, known);
      return known;
    });
  }
}

/** Lines without what may differ. JSON on one line is compared as the pages show it, indented. */
export function comparable(text: string): string[] {
  const result = DIFFERENCES.reduce((text, [pattern, word]) => text.replace(pattern, word), indented(text));
  const lines = result.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

function indented(text: string): string {
  if (!text.startsWith("{") && !text.startsWith("[")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // Not JSON after all; it is compared as it is.
  }
}

/** Whether the lines are the expected ones, of which `...` stands for any number. */
export function matches(actual: readonly string[], expected: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0;
  if (first.trim() === "...") return [...actual, ""].some((_, i) => matches(actual.slice(i), rest));
  return actual[0] === first && matches(actual.slice(1), rest);
}
