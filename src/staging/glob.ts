/** More alternatives than this from one pattern's braces, and the rest of the braces stand for themselves. */
const MAX_ALTERNATIVES = 256;
/** Of all of them together: what every key is compared with. */
const MAX_LENGTH = 16_384;

type Element =
  /** One character. */
  | { readonly kind: "one"; accepts(char: string): boolean }
  /** Any characters of one name. */
  | { readonly kind: "run" }
  /** Any characters at all. */
  | { readonly kind: "rest" }
  /** Nothing, or whole names with their slashes. */
  | { readonly kind: "names" };

/**
 * Whether a key is named by a glob. The pattern is about the whole key: `*` and `?` stay within one name between
 * slashes, `**` as a name of its own stands for any names or none, `[a-z]` and `[!a-z]` for one character, `{a,b}`
 * for either, and a backslash takes a character's meaning away. A name that begins with a dot is like any other. A
 * pattern that ends in a slash stands for everything below that name. Whatever the pattern, the time is bounded by
 * the product of the two lengths: all ways to match are followed side by side, none is tried after another.
 */
export function compileGlob(pattern: string): (key: string) => boolean {
  const whole = pattern.endsWith("/") ? `${pattern}**` : pattern;
  const machines = alternativesOf(whole).map((alternative) => matcher(parse(alternative)));
  return (key) => {
    const chars = Array.from(key);
    return machines.some((matches) => matches(chars));
  };
}

function matcher(elements: readonly Element[]): (chars: readonly string[]) => boolean {
  const { length } = elements;
  // `within` holds the `names` elements in the middle of a name, which must come to its slash first.
  let [at, within, nextAt, nextWithin] = [0, 0, 0, 0].map(() => new Uint8Array(length + 1)) as Four;
  return (chars) => {
    at.fill(0);
    within.fill(0);
    enter(elements, at, 0);
    for (const char of chars) {
      nextAt.fill(0);
      nextWithin.fill(0);
      for (let i = 0; i < length; i += 1) step(elements, i, char, at[i] === 1, within[i] === 1, nextAt, nextWithin);
      [at, within, nextAt, nextWithin] = [nextAt, nextWithin, at, within];
      // Most keys differ from most patterns in one of their first characters.
      if (!at.includes(1) && !within.includes(1)) return false;
    }
    return at[length] === 1;
  };
}

type Four = [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

function step(
  elements: readonly Element[],
  i: number,
  char: string,
  isAt: boolean,
  isWithin: boolean,
  nextAt: Uint8Array,
  nextWithin: Uint8Array,
): void {
  const element = elements[i];
  if (element === undefined || (!isAt && !isWithin)) return;
  if (element.kind === "names") {
    if (char === "/") enter(elements, nextAt, i);
    else nextWithin[i] = 1;
  } else if (element.kind === "one") {
    if (element.accepts(char)) enter(elements, nextAt, i + 1);
  } else if (element.kind === "rest" || char !== "/") enter(elements, nextAt, i);
}

/** Everything but one character may also stand for nothing. */
function enter(elements: readonly Element[], at: Uint8Array, from: number): void {
  let i = from;
  at[i] = 1;
  while (i < elements.length && elements[i]?.kind !== "one") {
    i += 1;
    at[i] = 1;
  }
}

function parse(pattern: string): Element[] {
  const elements: Element[] = [];
  const chars = Array.from(pattern);
  for (let i = 0; i < chars.length; i += 1) {
    const char = chars[i] ?? "";
    if (char === "*") {
      const end = chars.findIndex((other, j) => j > i && other !== "*");
      const stars = (end === -1 ? chars.length : end) - i;
      const beginsName = i === 0 || chars[i - 1] === "/";
      i += stars - 1;
      if (stars >= 2 && beginsName && end === -1) elements.push({ kind: "rest" });
      else if (stars >= 2 && beginsName && chars[end] === "/") {
        elements.push({ kind: "names" });
        i += 1;
      } else elements.push({ kind: "run" });
    } else if (char === "?") elements.push({ kind: "one", accepts: (other) => other !== "/" });
    else if (char === "[") {
      const set = parseSet(chars, i);
      elements.push(set === undefined ? literal("[") : set.element);
      i = set?.end ?? i;
    } else if (char === "\\" && i + 1 < chars.length) {
      i += 1;
      elements.push(literal(chars[i] ?? ""));
    } else elements.push(literal(char));
  }
  return elements;
}

function literal(char: string): Element {
  return { kind: "one", accepts: (other) => other === char };
}

/** `[abc]`, `[a-z]`, `[!abc]`; undefined where no bracket closes it. A bracket right at the beginning is one of the set. */
function parseSet(chars: readonly string[], open: number): { element: Element; end: number } | undefined {
  const isNegative = chars[open + 1] === "!" || chars[open + 1] === "^";
  const first = open + (isNegative ? 2 : 1);
  const end = chars.findIndex((char, i) => i > first && char === "]");
  if (end === -1) return undefined;
  const ranges: (readonly [string, string])[] = [];
  for (let i = first; i < end; i += 1) {
    const from = chars[i] ?? "";
    const isRange = chars[i + 1] === "-" && i + 2 < end;
    ranges.push([from, isRange ? (chars[i + 2] ?? "") : from]);
    if (isRange) i += 2;
  }
  const holds = (char: string): boolean => ranges.some(([from, to]) => from <= char && char <= to);
  return { element: { kind: "one", accepts: (char) => char !== "/" && holds(char) !== isNegative }, end };
}

/** The patterns without braces that a pattern with braces stands for. */
function alternativesOf(pattern: string): string[] {
  const done: string[] = [];
  const open = [pattern];
  let length = pattern.length;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const hasRoom = done.length + open.length < MAX_ALTERNATIVES && length < MAX_LENGTH;
    const braces = hasRoom ? innermostBraces(next) : undefined;
    if (braces === undefined) done.push(next);
    else {
      const chosen = braces.choices.map((choice) => braces.before + choice + braces.after);
      length += chosen.reduce((sum, each) => sum + each.length, -next.length);
      open.push(...chosen);
    }
  }
  return done;
}

interface Braces {
  readonly before: string;
  readonly choices: readonly string[];
  readonly after: string;
}

/** The first braces that hold a comma and no braces of their own. */
function innermostBraces(pattern: string): Braces | undefined {
  let start = -1;
  let commas: number[] = [];
  for (let i = 0; i < pattern.length; i += 1) {
    const char = pattern[i];
    if (char === "\\") i += 1;
    else if (char === "{") [start, commas] = [i, []];
    else if (char === "," && start !== -1) commas.push(i);
    else if (char === "}" && start !== -1) {
      if (commas.length > 0) {
        const ends = [...commas, i];
        const choices = ends.map((end, k) => pattern.slice((k === 0 ? start : (ends[k - 1] ?? start)) + 1, end));
        return { before: pattern.slice(0, start), choices, after: pattern.slice(i + 1) };
      }
      start = -1;
    }
  }
  return undefined;
}
