/**
 * FfDL's macros, `%{NAME:group}`, as its log collectors knew them.
 * GLOG_STAMP is Caffe's `I0301 12:30:45.123456`, TIMESTAMP an ISO 8601 date and time.
 */
const MACROS: Readonly<Record<string, string>> = {
  GLOG_STAMP: "[IWEF]\\d{4}\\s+\\d\\d:\\d\\d:\\d\\d\\.\\d+",
  TIMESTAMP: "\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d+)?(?:Z|[-+]\\d\\d:?\\d\\d)?",
  FLOAT: "[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?|[-+]?(?:nan|inf)",
  INT: "[-+]?\\d+",
  INT_ANY: "[-+]?(?:0[xX][\\da-fA-F]+|\\d+)",
  HEX: "(?:0[xX])?[\\da-fA-F]+",
};

const FLAGS: Readonly<Record<string, string>> = { i: "i", m: "m", s: "s", u: "", x: "", a: "", L: "" };

/** A pattern that cannot be compiled, and why, for people. */
export class PatternError extends Error {}

/**
 * A regular expression in Python's syntax (docs.python.org, `re`) with FfDL's macros, as JavaScript's. What differs
 * is translated: `(?P<name>…)`, `(?P=name)`, `\A`, `\Z`, flags at the beginning. Throws a `PatternError` for the rest.
 */
export function compilePython(text: string): RegExp {
  const [, letters = "", body = ""] = /^(?:\(\?([a-zA-Z]+)\))?([^]*)$/u.exec(text) ?? [];
  if (letters.includes("x")) throw new PatternError("the verbose flag (?x) is not supported");
  const flags = [...new Set(letters.split("").map((letter) => FLAGS[letter] ?? ""))].join("");
  const source = expandMacros(body)
    .replaceAll("(?P<", "(?<")
    .replaceAll(/\(\?P=(\w+)\)/gu, "\\k<$1>")
    .replaceAll(/\(\?#[^)]*\)/gu, "")
    .replaceAll(/(?<!\\)((?:\\\\)*)\\A/gu, "$1(?<![^])")
    .replaceAll(/(?<!\\)((?:\\\\)*)\\Z/gu, "$1(?![^])");
  try {
    return new RegExp(source, `g${flags}`);
  } catch (error) {
    throw new PatternError((error as Error).message.replace(/^Invalid regular expression: /u, ""));
  }
}

function expandMacros(text: string): string {
  return text.replaceAll(/%\{(\w+)(?::(\w+))?\}/gu, (whole, name: string, group?: string) => {
    const macro = MACROS[name];
    if (macro === undefined)
      throw new PatternError(`there is no macro ${whole}; there are ${Object.keys(MACROS).join(", ")}`);
    return group === undefined ? `(?:${macro})` : `(?<${group}>${macro})`;
  });
}
