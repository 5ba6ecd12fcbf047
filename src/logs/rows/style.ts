/**
 * How characters look, as the parameters of the SGR sequence (ECMA-48 8.3.117) that makes them look so, in one order; ""
 * is plain. Colours count as one parameter each.
 */
export type Style = string;

/** Which parameters switch which attributes off. */
const OFF: Readonly<Record<string, readonly string[]>> = {
  "22": ["1", "2"],
  "23": ["3"],
  "24": ["4"],
  "27": ["7"],
  "29": ["9"],
};
const ATTRIBUTES = ["1", "2", "3", "4", "7", "9"];

/** Programs use a handful of styles; one that makes up thousands pays for each. */
const KEPT = 1000;
const known = new Map<string, Style>();

/** The style after a sequence with these parameters (what stands between `ESC [` and `m`). */
export function applySgr(style: Style, parameters: string): Style {
  const key = `${style}m${parameters}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= KEPT) known.clear();
  const applied = apply(style, parameters);
  known.set(key, applied);
  return applied;
}

interface Looks {
  readonly attributes: Set<string>;
  foreground: string;
  background: string;
}

function apply(style: Style, parameters: string): Style {
  const looks: Looks = { attributes: new Set(), foreground: "", background: "" };
  for (const list of [style, parameters === "" ? "0" : parameters]) read(looks, list.split(/[;:]/u));
  const { attributes, foreground, background } = looks;
  return [...ATTRIBUTES.filter((each) => attributes.has(each)), foreground, background]
    .filter((each) => each !== "")
    .join(";");
}

function read(looks: Looks, parameters: readonly string[]): void {
  for (let i = 0; i < parameters.length; i += 1) {
    const word = parameters[i] === "" ? "0" : String(Number(parameters[i]));
    const code = Number(word);
    if (code === 38 || code === 48) {
      const length = parameters[i + 1] === "5" ? 3 : 5;
      const colour = parameters.slice(i, i + length).join(";");
      if (code === 38) looks.foreground = colour;
      else looks.background = colour;
      i += length - 1;
    } else readOne(looks, word, code);
  }
}

function readOne(looks: Looks, word: string, code: number): void {
  if (code === 0) {
    looks.attributes.clear();
    looks.foreground = "";
    looks.background = "";
  } else if (ATTRIBUTES.includes(word)) looks.attributes.add(word);
  else if (word in OFF) for (const each of OFF[word] ?? []) looks.attributes.delete(each);
  else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) looks.foreground = word;
  else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) looks.background = word;
  else if (code === 39) looks.foreground = "";
  else if (code === 49) looks.background = "";
}
