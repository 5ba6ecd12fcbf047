import { isMap, isScalar } from "yaml";
import type { Pair, ParsedNode } from "yaml";

import { nearest } from "../base/nearest.ts";
import { canonicalName, isTranslation, spellingsOf } from "./field-table.ts";
import type { Dialect, Field, FieldTable, Places } from "./field-table.ts";
import type { Findings, Spot } from "./findings.ts";
import { pathOf, shownKey } from "./parse-document.ts";
import { isNothing, kindAt, placeAt, textAt } from "./place.ts";
import type { Place } from "./place.ts";
import { isPlaceholder, isVariable } from "./placeholder.ts";

/** A map's key with its value, as it is written. */
interface Entry {
  readonly key: string;
  readonly spot: Spot;
  /** Null for a key without anything behind it, not even a colon. */
  readonly place: Place | null;
}

/**
 * The places of a map's fields by canonical name. Reports what is no map, unknown keys, fields given under two
 * spellings, required fields that are missing, and values not filled in; what was reported is left out of the answer.
 */
export function readMap<K extends string>(
  map: Place,
  table: FieldTable<K>,
  dialect: Dialect,
  findings: Findings,
): Places<K> | null {
  const entries = entriesOf(map, writeKeys(table), findings);
  if (entries === null) return null;
  const places: { [Key in K]?: Place } = {};
  const fallbacks: { [Key in K]?: Place } = {};
  for (const entry of entries) {
    const name = nameOf(entry, table, dialect, findings);
    if (name === undefined || entry.place === null) continue;
    const earlier = places[name];
    if (entry.key === table.fields[name].fallback) fallbacks[name] = entry.place;
    else if (earlier !== undefined) reportTwice(earlier, entry.place, findings);
    else places[name] = entry.place;
  }
  return withoutEmpty(map, { ...fallbacks, ...places }, table, findings);
}

/** The pairs of a map whose keys the user makes up; null when it is no map, which is reported with `hint`. */
export function entriesOf(map: Place, hint: string, findings: Findings): readonly Entry[] | null {
  if (!isMap(map.node)) {
    const message = `${subject(map)} must be a map, and it is ${kindAt(map)}.`;
    findings.problem(isNothing(map.node) ? "field_missing" : "value_invalid", map, message, hint);
    return null;
  }
  const seen = new Set<string>();
  return map.node.items.flatMap((pair) => {
    const entry = entryOf(map, pair);
    // Keys that are no text and second keys were reported when the document was parsed.
    if (entry === null || seen.has(entry.key)) return [];
    seen.add(entry.key);
    return [entry];
  });
}

function entryOf(map: Place, { key, value }: Pair<ParsedNode, ParsedNode | null>): Entry | null {
  if (!isScalar(key) || typeof key.value !== "string") return null;
  const spot: Spot = { offset: key.range[0], path: pathOf(map.path, key.value) };
  return { key: key.value, spot, place: value === null ? null : placeAt(value, spot.path, spot.offset) };
}

/** The field that an entry is for; undefined when there is none, or nothing of it is to be read, which is reported. */
function nameOf<K extends string>(
  { key, spot }: Entry,
  table: FieldTable<K>,
  dialect: Dialect,
  findings: Findings,
): K | undefined {
  const exact = canonicalName(key, table);
  const name = exact ?? canonicalName(key.replace(/["']$/, ""), table);
  if (name === undefined) {
    reportUnknown(key, spot, table, dialect, findings);
    return undefined;
  }
  const field = table.fields[name];
  if (exact === undefined) warnQuoted(name, spot, findings);
  else if (isTranslation(key, field) && key !== name) warnTranslated(key, name, spot, findings);
  if (field.refused !== undefined) {
    findings.problem("feature_unsupported", spot, `'${spot.path}' ${field.refused.fact}.`, field.refused.hint);
    return undefined;
  }
  const why = field.ignored ?? (findings.forConversion ? field.unkept : undefined);
  if (why === undefined) return name;
  const message = `'${spot.path}' has no effect: ${why}.`;
  findings.warning("field_ignored", spot, message, "Remove it, or leave it.");
  return undefined;
}

function warnQuoted(name: string, spot: Spot, findings: Findings): void {
  findings.warning("key_quoted", spot, `'${spot.path}' is understood as '${name}'.`, `Write '${name}'.`);
}

function warnTranslated(key: string, name: string, spot: Spot, findings: Findings): void {
  findings.warning("spelling_translated", spot, `'${shownKey(key)}' is understood as '${name}'.`, `Write '${name}'.`);
}

function reportUnknown(key: string, spot: Spot, table: FieldTable, dialect: Dialect, findings: Findings): void {
  const isRefused = dialect.unknownKeys === "refused";
  // Finding advice takes time, and beyond the limit nobody will read it.
  const isUntold = isRefused ? findings.isFull : findings.isFullOfWarnings;
  const meant = isUntold ? undefined : nearest(key, spellingsOf(table));
  const place = meant === undefined && !isUntold ? dialect.placeOfKey(key) : undefined;
  const where = table.path === "" ? "The manifest" : `'${table.path}'`;
  const hint =
    meant !== undefined
      ? `Did you mean '${meant}'?`
      : place !== undefined
        ? `'${shownKey(key)}' belongs in '${place}'.`
        : writeKeys(table);
  const message = `${where} has no field '${shownKey(key)}'`;
  if (isRefused) findings.problem("field_unknown", spot, `${message}.`, hint);
  else findings.warning("field_unknown", spot, `${message}, so it has no effect.`, hint);
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
    const { required, meaning }: Field = table.fields[name];
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
    } else if (table.isConnection && isNotFilledIn(place, required, meaning, findings)) delete places[name];
  }
  return places;
}

/** Blank where a value is required, or a template's placeholder; reported. */
function isNotFilledIn(place: Place, required: boolean, meaning: string, findings: Findings): boolean {
  const text = textAt(place);
  if (text === null) return false;
  const code = "credential_not_filled_in";
  if (text.trim() === "" ? required : !findings.forConversion && isPlaceholder(text)) {
    if (isVariable(text)) {
      reportVariable(place, findings);
      return true;
    }
    const message = `'${place.path}' is not filled in: its value is blank or a template's placeholder.`;
    findings.problem(code, place, message, `Write the value: ${meaning}.`);
    return true;
  }
  return false;
}

/** A variable that is still in the manifest here: whoever submits has its value, and nobody else. */
export function reportVariable(place: Place, findings: Findings): void {
  findings.problem(
    "credential_not_filled_in",
    place,
    `'${place.path}' is a variable that was not filled in; whoever submits fills it in from the own environment.`,
    "Submit with 'trainyard submit' or 'bx ml train' where the variable is set, or write the value.",
  );
}

function subject(map: Place): string {
  return map.path === "" ? "The manifest" : `'${map.path}'`;
}

function writeKeys(table: FieldTable): string {
  const names = Object.keys(table.fields);
  return names.length === 1 ? `Its only field is '${names[0]}'.` : `Its fields are ${names.join(", ")}.`;
}
