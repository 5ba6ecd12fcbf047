/** What a manifest's version text asks for. */
export interface VersionRequest {
  /** `any` takes the first environment there is, `latest` the highest; numbers must be the beginning of the found ones. */
  readonly wanted: "any" | "latest" | readonly number[];
  /** From `-py3` or `-py3.11`: the beginning of the interpreter's version; null when the text does not say. */
  readonly python: readonly number[] | null;
}

const REQUEST = /^(?:(any|latest)|v?(\d{1,9}(?:\.\d{1,9}){0,7}))(?:-py([23](?:\.\d{1,3})?))?$/;

/** Undefined for texts without numbers to compare, such as `luajit`. */
export function parseVersionRequest(text: string): VersionRequest | undefined {
  const match = REQUEST.exec(text.trim().toLowerCase());
  if (match === null) return undefined;
  const [, word, numbers, python] = match;
  return {
    wanted: word === "any" || word === "latest" ? word : components(numbers ?? ""),
    python: python === undefined ? null : components(python),
  };
}

/** The leading dotted numbers of a version: `1.13.0a0+git` has 1, 13, 0. */
export function versionNumbers(version: string): readonly number[] {
  const match = /^v?(\d{1,9}(?:\.\d{1,9})*)/.exec(version);
  return match?.[1] === undefined ? [] : components(match[1]);
}

/** By component, so that 1.13 begins 1.13.1 but not 1.130. */
export function isBeginningOf(wanted: readonly number[], found: readonly number[]): boolean {
  return wanted.length <= found.length && wanted.every((number, index) => number === found[index]);
}

/** By the very words of the operator or the probe, which need not be numbers. */
export function isNamed(
  by: { readonly version: string; readonly aliases: readonly string[] },
  version: string,
): boolean {
  const wanted = version.trim().toLowerCase();
  return [by.version, ...by.aliases].some((text) => text.trim().toLowerCase() === wanted);
}

/** Negative when `a` is older than `b`. A missing component counts as 0. */
export function compareVersions(a: string, b: string): number {
  const left = versionNumbers(a);
  const right = versionNumbers(b);
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function components(dotted: string): readonly number[] {
  return dotted.split(".").map(Number);
}
