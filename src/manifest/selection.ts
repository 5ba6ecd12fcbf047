import { isSeq } from "yaml";

import { NO_WISHES, type DataSelection } from "../domain/training-spec.ts";
import { withoutNulls } from "./conversion.ts";
import type { Field, Places } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { placeAt } from "./place.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

/** The fields by which every dialect's reference to training data says which objects are wanted. */
export const SELECTION = {
  prefix: {
    type: "text",
    required: false,
    meaning: "only objects whose keys begin with it; they come without it; Trainyard's own",
  },
  include: {
    type: "text or list",
    required: false,
    meaning: "a glob, or a list of them, over whole keys: only objects that match one; Trainyard's own",
  },
  exclude: {
    type: "text or list",
    required: false,
    meaning: "a glob, or a list of them, over whole keys: no objects that match one; Trainyard's own",
  },
} as const satisfies Record<string, Field>;

/**
 * Which objects of the bucket are wanted. Whatever a key of the store may be, a prefix may be: `/a` and `../a` are
 * keys like others and name no place on a disk.
 */
export function readSelection(places: Places<keyof typeof SELECTION> | null, findings: Findings): DataSelection {
  if (places === null) return NO_WISHES.selection;
  const prefix = readText(places.prefix, { maxLength: MANIFEST_LIMITS.keyLength }, findings) ?? "";
  const include = readGlobs(places.include, findings);
  return { prefix, include, exclude: readGlobs(places.exclude, findings) };
}

function readGlobs(place: Place | undefined, findings: Findings): readonly string[] {
  if (place === undefined) return [];
  if (!isSeq(place.node)) return readGlob(place, findings);
  const { items } = place.node;
  if (items.length > MANIFEST_LIMITS.globs) {
    const message = `'${place.path}' lists ${items.length} globs; it may have at most ${MANIFEST_LIMITS.globs}.`;
    findings.problem("value_invalid", place, message, "Say with fewer what is wanted, as with ** and {a,b}.");
    return [];
  }
  return items.flatMap((item, i) => readGlob(placeAt(item, `${place.path}[${i}]`, item.range[0]), findings));
}

function readGlob(place: Place, findings: Findings): readonly string[] {
  const glob = readText(place, { maxLength: MANIFEST_LIMITS.keyLength }, findings);
  return glob === null ? [] : [glob];
}

/** The fields of a reference that say the same; none for a selection of everything. */
export function printSelection({ prefix, include, exclude }: DataSelection): Record<string, unknown> {
  return withoutNulls({
    prefix: prefix === "" ? null : prefix,
    include: globs(include),
    exclude: globs(exclude),
  });
}

function globs(list: readonly string[]): string | readonly string[] | null {
  const [only, ...more] = list;
  if (only === undefined) return null;
  return more.length === 0 ? only : list;
}
