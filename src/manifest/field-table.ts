import type { Place } from "./place.ts";

/** One key of one map of the manifest. The tables are both what the reader goes by and what the reference shows. */
export interface Field {
  readonly type: "text" | "number" | "map" | "list" | "map or list of one" | "text or map" | "text or list" | "any";
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
  /** Why the value is not kept though it is harmless; told only where a manifest is converted. */
  readonly unkept?: string;
  /** Why a manifest with this field cannot be taken, and what to do instead; its value is not looked at. */
  readonly refused?: { readonly fact: string; readonly hint: string };
}

export interface FieldTable<K extends string = string> {
  /** Where the map stands in the document, in canonical spelling. */
  readonly path: string;
  /** The map belongs to a connection: its values are never shown and templates' placeholders are looked for. */
  readonly isConnection?: true;
  readonly fields: Readonly<Record<K, Field>>;
}

export type Places<K extends string> = { readonly [Key in K]?: Place };

/** What differs between the families of manifests in how their maps are read. */
export interface Dialect {
  /** Where a key belongs that is unknown in the place where it stands, as advice; undefined when nowhere. */
  placeOfKey(key: string): string | undefined;
  /** FfDL ignored keys that it did not know, so manifests that it took have some. */
  readonly unknownKeys: "refused" | "warned";
}

/** Every key that the map may have. */
export function spellingsOf(table: FieldTable): string[] {
  return Object.entries(table.fields).flatMap(([name, field]) => [name, ...(field.aliases ?? [])]);
}

/** The field that a key stands for, in whatever spelling. */
export function canonicalName<K extends string>(key: string, table: FieldTable<K>): K | undefined {
  if (Object.hasOwn(table.fields, key)) return key as K;
  const names = Object.keys(table.fields) as K[];
  return (
    names.find((name) => table.fields[name].aliases?.includes(key) === true) ??
    names.find((name) => table.fields[name].fallback === key) ??
    names.find((name) => isTranslation(key, table.fields[name]))
  );
}

export function isTranslation(key: string, field: Field): boolean {
  return field.translations?.includes(key.toLowerCase()) === true;
}
