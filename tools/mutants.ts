/** A source with one place changed. */
export interface Mutant {
  /** From 1. */
  readonly line: number;
  /** What stands in that line before the change, without the space around it. */
  readonly before: string;
  /** What was put where, for people: `a === b → !==`. Unique within a line only together with `before`. */
  readonly change: string;
  readonly source: string;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Operators and methods that stand for their own opposite or neighbour. All are looked for outside of text. */
const SWAPS: readonly (readonly [pattern: RegExp, ...to: string[]])[] = [
  [/===/g, "!=="],
  [/!==/g, "==="],
  [/(?<= )<(?= )/g, "<=", ">="],
  [/(?<= )>(?= )/g, ">=", "<="],
  [/(?<= )<=(?= )/g, "<", ">"],
  [/(?<= )>=(?= )/g, ">", "<"],
  [/(?<= )&&(?= )/g, "||"],
  [/(?<= )\|\|(?= )/g, "&&"],
  [/(?<= )\?\?(?= )/g, "&&"],
  [/(?<= )\+(?= )/g, "-"],
  [/(?<= )-(?= )/g, "+"],
  [/(?<= )\*(?= )/g, "/"],
  [/(?<= )\/(?= )/g, "*"],
  [/(?<= )%(?= )/g, "*"],
  [/(?<= )\+=(?= )/g, "-="],
  [/(?<= )-=(?= )/g, "+="],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/!(?=[\w(#])/g, ""],
  [/\.some(?=\()/g, ".every"],
  [/\.every(?=\()/g, ".some"],
  [/\.startsWith(?=\()/g, ".endsWith"],
  [/\.endsWith(?=\()/g, ".startsWith"],
  [/\.push(?=\()/g, ".unshift"],
  [/\.unshift(?=\()/g, ".push"],
  [/\bMath\.min(?=\()/g, "Math.max"],
  [/\bMath\.max(?=\()/g, "Math.min"],
];

/** Calls that are left out of a chain: what they take away or put in order must matter. */
const LINKS = /\.(?:filter|toSorted|toReversed|slice|trim)(?=\()/g;

const OPENS = "([{";
const CLOSES = ")]}";

/** Every mutant of a source. Text, not syntax: one that does not compile or run counts as noticed. */
export function mutantsOf(source: string): readonly Mutant[] {
  const code = codeOnly(source);
  const edits = [
    ...swaps(code),
    ...numbers(code),
    ...names(source, code),
    ...conditions(code),
    ...choices(code),
    ...sides(code),
    ...links(code),
    ...statements(code),
    ...entries(code),
  ];
  const seen = new Set<string>();
  const mutants: Mutant[] = [];
  for (const edit of edits.toSorted((a, b) => a.from - b.from)) {
    const changed = source.slice(0, edit.from) + edit.text + source.slice(edit.to);
    if (seen.has(changed) || changed === source) continue;
    seen.add(changed);
    mutants.push(mutantFrom(source, edit, changed));
  }
  return mutants;
}

function mutantFrom(source: string, { from, to, text }: Edit, changed: string): Mutant {
  const start = source.lastIndexOf("\n", from - 1) + 1;
  const end = `${source}\n`.indexOf("\n", from);
  const line = source.slice(0, from).split("\n").length;
  const short = source.slice(from, to).replaceAll(/\s+/g, " ").trim();
  const put = text.trim() === "" ? "left out" : text.trim();
  return { line, before: source.slice(start, end).trim(), change: `${short} → ${put}`, source: changed };
}

/**
 * The source with everything blank, place by place, that is no code to change: comments, the inside of texts (not what
 * is filled into templates), regular expressions, imports and types that stand by themselves.
 */
export function codeOnly(source: string): string {
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");
  const quoted =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[(,=] ?)\/(?:\\.|[^/\\\n])+\/[gimsuv]*/g;
  const plain = source.replaceAll(quoted, (text) => {
    if (text.startsWith('"')) return `"${blank(text.slice(1, -1))}"`;
    if (!text.startsWith("`")) return blank(text);
    return text.replaceAll(/\$\{[^{}]*\}|[^$]|\$/g, (part) =>
      part.startsWith("${") ? ` (${part.slice(2, -1)})` : blank(part),
    );
  });
  return plain
    .replaceAll(/^import\b[^;]*;/gm, blank)
    .replaceAll(/^(?:export )?interface\b[\s\S]*?\n\}/gm, blank)
    .replaceAll(/^(?:export )?type\b[\s\S]*?;$/gm, blank);
}

function swaps(code: string): Edit[] {
  return SWAPS.flatMap(([pattern, ...to]) =>
    [...code.matchAll(pattern)].flatMap(({ index, 0: found }) =>
      to.map((text) => ({ from: index, to: index + found.length, text })),
    ),
  );
}

/** Each number one more, and 1 also one less. */
function numbers(code: string): Edit[] {
  return [...code.matchAll(/(?<![\w.#$])\d[\d_]*(?![\w.])/g)].flatMap(({ index, 0: found }) => {
    const value = Number(found.replaceAll("_", ""));
    const others = value === 1 ? [2, 0] : [value + 1];
    return others.map((other) => ({ from: index, to: index + found.length, text: String(other) }));
  });
}

/** Texts that are names to a program, not sentences for people: a state, a cause, a code. Types are left alone. */
function names(source: string, code: string): Edit[] {
  return [...code.matchAll(/"( *)"/g)].flatMap(({ index, 0: found }) => {
    const to = index + found.length;
    const isType = /(?:\| |<|\w\[|readonly \w+\??: )$/.test(code.slice(0, index)) || /^(?: \| |>)/.test(code.slice(to));
    const isName = /^"[A-Za-z_]+"$/.test(source.slice(index, to));
    return isName && !isType ? [{ from: index, to, text: '"another"' }] : [];
  });
}

function conditions(code: string): Edit[] {
  return [...code.matchAll(/\b(if|while) \(/g)].flatMap(({ index, 0: found, 1: word }) => {
    const from = index + found.length;
    const to = endOfGroup(code, from);
    const others = word === "if" ? ["true", "false"] : ["false"];
    return others.map((text) => ({ from, to, text }));
  });
}

/** `a ? b : c` is always `b`, or always `c`. */
function choices(code: string): Edit[] {
  return [...code.matchAll(/\s\? /g)].flatMap(({ index }) =>
    ["true", "false"].map((text) => ({ from: startOfPart(code, index), to: index, text })),
  );
}

/** One side of `&&`, `||` and `??` alone. */
function sides(code: string): Edit[] {
  return [...code.matchAll(/\s(?:\?\?|\|\||&&) /g)].map(({ index, 0: found }) => ({
    from: index,
    to: endOfPart(code, index + found.length, /^\s(?:\?|:|\|\||&&|\?\?) /),
    text: "",
  }));
}

function links(code: string): Edit[] {
  return [...code.matchAll(LINKS)].map(({ index, 0: found }) => ({
    from: index,
    to: endOfGroup(code, index + found.length + 1) + 1,
    text: "",
  }));
}

/** A statement that does something, from the beginning of its line to its semicolon, and a way out of a loop. */
function statements(code: string): Edit[] {
  const begins =
    /^ +(?!return\b|const\b|let\b|throw\b|if\b|for\b|while\b|readonly\b|static\b|async\b|get\b|case\b)(?:await |void )?[\w#]+(?=[.([ ;])/gm;
  return [...code.matchAll(begins)].flatMap(({ index, 0: found }) => {
    const to = endOfPart(code, index + found.length, /^;/);
    const text = code.slice(index, to);
    const isDone = code[to] === ";" && (/^\s*(?:break|continue)$/.test(text) || /\(|(?<![=!<>])=(?![=>])/.test(text));
    return isDone && !/^\s*[\w#]+\??: /.test(text) ? [{ from: index, to: to + 1, text: "" }] : [];
  });
}

/**
 * Each part of a list or table that is written out, left out; and an empty list with something in it. What is false stays: to most who
 * ask it is as if it were not there, and that it could be true is asked already.
 */
function entries(code: string): Edit[] {
  const lists = [...code.matchAll(/(?<=[=:(,?>[] |[([]|return )\[(?!\])/g)].flatMap(({ index }) => {
    const end = endOfGroup(code, index + 1);
    if (/^\s*\](?:: [^=]+)? (?:=|of) /.test(code.slice(end))) return [];
    return partsOf(code, index + 1, end);
  });
  const empty = [...code.matchAll(/(?<=[=:] |return )\[\]/g)].map(({ index }) => {
    return { from: index, to: index + 2, text: "[null]" };
  });
  const fields = [...code.matchAll(/^ +[\w"#-]+: (?:true|null|-?\d[\d_]*|"[^"]*"|\[[^\]]*\]),$/gm)].map(
    ({ index, 0: found }) => ({ from: index, to: index + found.length, text: "" }),
  );
  return [...lists, ...empty, ...fields];
}

function partsOf(code: string, from: number, end: number): Edit[] {
  const edits: Edit[] = [];
  for (let at = from; at < end;) {
    const comma = Math.min(end, endOfPart(code, at, /^,/));
    const to = code[comma] === "," ? comma + 1 : comma;
    if (code.slice(at, comma).trim() !== "") edits.push({ from: at, to, text: "" });
    at = to + (to === comma ? 1 : 0);
  }
  return edits;
}

/** Where the group that was opened right before `from` is closed. */
function endOfGroup(code: string, from: number): number {
  let depth = 1;
  for (let at = from; at < code.length; at += 1) {
    if (OPENS.includes(code[at] as string)) depth += 1;
    if (CLOSES.includes(code[at] as string)) depth -= 1;
    if (depth === 0) return at;
  }
  return code.length;
}

/** Where the condition that ends at `to` begins. */
function startOfPart(code: string, to: number): number {
  let depth = 0;
  for (let at = to - 1; at >= 0; at -= 1) {
    const sign = code[at] as string;
    if (depth === 0 && (OPENS.includes(sign) || sign === "," || sign === ";")) return at + 1;
    if (depth === 0 && /(?:=>|\breturn|[^=!<>]=|[?:]) $/.test(code.slice(Math.max(0, at - 8), at + 1))) return at + 1;
    if (CLOSES.includes(sign)) depth += 1;
    if (OPENS.includes(sign)) depth -= 1;
  }
  return 0;
}

/** Where the part that begins at `from` ends: at what `stop` finds, a comma, a semicolon or the end of the group around it. */
function endOfPart(code: string, from: number, stop: RegExp): number {
  let depth = 0;
  for (let at = from; at < code.length; at += 1) {
    const sign = code[at] as string;
    if (depth === 0 && (CLOSES.includes(sign) || sign === "," || sign === ";" || stop.test(code.slice(at, at + 4))))
      return at;
    if (OPENS.includes(sign)) depth += 1;
    if (CLOSES.includes(sign)) depth -= 1;
  }
  return code.length;
}
