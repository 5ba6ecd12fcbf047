import type { DataSelection } from "../domain/training-spec.ts";
import { compileGlob } from "./glob.ts";

/** Whether the selection wants an object with this key, of those that begin with its prefix. */
export function selects(selection: DataSelection): (key: string) => boolean {
  const includes = selection.include.map(compileGlob);
  const excludes = selection.exclude.map(compileGlob);
  return (key) =>
    (includes.length === 0 || includes.some((matches) => matches(key))) && !excludes.some((matches) => matches(key));
}

/** For people, to follow "objects": ` that begin with 'a/' and match '*.gz', but not 'a/old/**'`; empty for all of a bucket. */
export function describeSelection({ prefix, include, exclude }: DataSelection): string {
  const wanted = [
    ...(prefix === "" ? [] : [`begin with '${prefix}'`]),
    ...(include.length === 0 ? [] : [`match ${quoted(include, "or")}`]),
    ...(exclude.length === 0 ? [] : [`do not match ${quoted(exclude, "or")}`]),
  ];
  return wanted.length === 0 ? "" : ` that ${wanted.join(" and ")}`;
}

function quoted(patterns: readonly string[], word: string): string {
  const names = patterns.map((pattern) => `'${pattern}'`);
  return names.length === 1 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} ${word} ${names.at(-1)}`;
}
