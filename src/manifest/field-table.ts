import { isMap, isScalar } from "yaml";

import { nearest } from "../base/nearest.ts";
import type { Findings, Spot } from "./findings.ts";
import { pathOf, shownKey } from "./parse-document.ts";
import { isNothing, kindAt, placeAt, textAt } from "./place.ts";
import type { Place } from "./place.ts";
import { isPlaceholder } from "./placeholder.ts";

/** One key of one map of the manifest. The tables are both what the reader goes by and what the reference shows. */
export interface Field {
  readonly type: "text" | "number" | "map" | "map or list of one" | "text or map" | "any";
  readonly required: boolean;
  /** One phrase for the reference and for the hint when the field is missing. */
  readonly meaning: string;
  /** Other spellings of the time that mean the same; accepted without a word. */
  readonly aliases?: readonly string[];
  /** A spelling that counts only where none of the others is given; beside one of them it has no effect. */
  readonly fallback?: string;
  /** As a translated page spells it, in lower case; accepted with a warning. */
  readonly translations?: readonly string[];
  /** Why the field has no effect here; its value is not looked at. */
  readonly ignored?: string;
}

export interface FieldTable<K extends string = string> {
  /** Where the map stands in the document, in canonical spelling. */
  readonly path: string;
  /** The map belongs to a connection: its values are never shown and templates' placeholders are looked for. */
  readonly isConnection?: true;
  readonly fields: Readonly<Record<K, Field>>;
}

export type Places<K extends string> = { readonly [Key in K]?: Place };

/** Where a key belongs that is unknown in the place where it stands, as advice; undefined when nowhere. */
export type Elsewhere = (key: string) => string | undefined;

/**
 * The places of a map's fields by canonical name. Reports what is no map, unknown keys, fields given under two
 * spellings, required fields that are missing, and values not filled in; what was reported is left out of the answer.
 */
export function readMap<K extends string>(
  map: Place,
  table: FieldTable<K>,
  elsewhere: Elsewhere,
  findings: Findings,
): Places<K> | null {
  if (!isMap(map.node)) {
    const message = `${subject(map)} must be a map, and it is ${kindAt(map)}.`;
    findings.problem(isNothing(map.node) ? "field_missing" : "value_invalid", map, message, writeKeys(table));
    return null;
  }
  const places: { [Key in K]?: Place } = {};
  const fallbacks: { [Key in K]?: Place } = {};
  const seen = new Set<string>();
  for (const { key, value } of map.node.items) {
    // Keys that are no text and second keys were reported when the document was parsed.
    if (!isScalar(key) || typeof key.value !== "string" || seen.has(key.value)) continue;
    seen.add(key.value);
    const spot: Spot = { offset: key.range[0], path: pathOf(map.path, key.value) };
    const name = canonicalName(key.value, table);
    if (name === undefined) {
      reportUnknown(key.value, spot, table, elsewhere, findings);
      continue;
    }
    const field = table.fields[name];
    if (isTranslation(key.value, field)) warnTranslated(key.value, name, spot, findings);
    if (field.ignored !== undefined) {
      findings.warning(
        "field_ignored",
        spot,
        `'${spot.path}' has no effect: ${field.ignored}.`,
        "Remove it, or leave it.",
      );
      continue;
    }
    const place = value === null ? null : placeAt(value, spot.path, spot.offset);
    if (place === null) continue;
    const earlier = places[name];
    if (key.value === field.fallback) fallbacks[name] = place;
    else if (earlier !== undefined) reportTwice(earlier, place, findings);
    else places[name] = place;
  }
  return withoutEmpty(map, { ...fallbacks, ...places }, table, findings);
}

/** Every key that the map may have. */
export function spellingsOf(table: FieldTable): string[] {
  return Object.entries(table.fields).flatMap(([name, field]) => [name, ...(field.aliases ?? [])]);
}

function canonicalName<K extends string>(key: string, table: FieldTable<K>): K | undefined {
  if (Object.hasOwn(table.fields, key)) return key as K;
  const names = Object.keys(table.fields) as K[];
  return (
    names.find((name) => table.fields[name].aliases?.includes(key) === true) ??
    names.find((name) => table.fields[name].fallback === key) ??
    names.find((name) => isTranslation(key, table.fields[name]))
  );
}

function isTranslation(key: string, field: Field): boolean {
  return field.translations?.includes(key.toLowerCase()) === true;
}

function warnTranslated(key: string, name: string, spot: Spot, findings: Findings): void {
  if (key === name) return;
  findings.warning("spelling_translated", spot, `'${shownKey(key)}' is understood as '${name}'.`, `Write '${name}'.`);
}

function reportUnknown(key: string, spot: Spot, table: FieldTable, elsewhere: Elsewhere, findings: Findings): void {
  // Finding advice takes time, and beyond the limit nobody will read it.
  const meant = findings.isFull ? undefined : nearest(key, spellingsOf(table));
  const place = meant === undefined && !findings.isFull ? elsewhere(key) : undefined;
  const where = table.path === "" ? "The manifest" : `'${table.path}'`;
  const hint =
    meant !== undefined
      ? `Did you mean '${meant}'?`
      : place !== undefined
        ? `'${shownKey(key)}' belongs in '${place}'.`
        : writeKeys(table);
  findings.problem("field_unknown", spot, `${where} has no field '${shownKey(key)}'.`, hint);
}

function reportTwice(earlier: Place, later: Place, findings: Findings): void {
  const text = textAt(earlier);
  const message = `'${later.path}' says the same thing as '${earlier.path}'`;
  const spot = { offset: later.keyOffset, path: later.path };
  if (text !== null && text === textAt(later)) {
    findings.warning("field_duplicated", spot, `${message}.`, "Keep one of the two.");
  } else {
    findings.problem("field_duplicated", spot, `${message}, with another value.`, "Keep the one that is right.");
  }
}

/** Takes out, and reports where it matters, what is missing, empty or a placeholder. */
function withoutEmpty<K extends string>(
  map: Place,
  places: { [Key in K]?: Place },
  table: FieldTable<K>,
  findings: Findings,
): Places<K> {
  for (const name of Object.keys(table.fields) as K[]) {
    const { required, meaning } = table.fields[name];
    const place = places[name];
    if (place === undefined) {
      if (!required) continue;
      const spot = { offset: map.keyOffset, path: pathOf(map.path, name) };
      findings.problem("field_missing", spot, `${subject(map)} has no '${name}'.`, `Add '${name}': ${meaning}.`);
    } else if (isNothing(place.node)) {
      delete places[name];
      if (!required) continue;
      const code = table.isConnection ? "credential_not_filled_in" : "field_missing";
      findings.problem(code, place, `'${place.path}' is empty.`, `Write the value: ${meaning}.`);
    } else if (table.isConnection && isBlankOrPlaceholder(place, required)) {
      delete places[name];
      const message = `'${place.path}' is not filled in: its value is blank or a template's placeholder.`;
      findings.problem("credential_not_filled_in", place, message, `Write the value: ${meaning}.`);
    }
  }
  return places;
}

function isBlankOrPlaceholder(place: Place, required: boolean): boolean {
  const text = textAt(place);
  return text !== null && (text.trim() === "" ? required : isPlaceholder(text));
}

function subject(map: Place): string {
  return map.path === "" ? "The manifest" : `'${map.path}'`;
}

function writeKeys(table: FieldTable): string {
  const names = Object.keys(table.fields);
  return names.length === 1 ? `Its only field is '${names[0]}'.` : `Its fields are ${names.join(", ")}.`;
}
