import { CONNECTION_TABLES } from "./connection-fields.ts";
import type { StoreType } from "./connection-fields.ts";
import type { Field, FieldTable } from "./field-table.ts";
import * as wml from "./wml-fields.ts";

/** A field as the reference shows it. */
export interface KnownField {
  /** In canonical spelling; `connection.…` is the connection of either reference. */
  readonly path: string;
  /** The store whose connection has the field; null outside connections. */
  readonly store: StoreType | null;
  readonly type: Field["type"];
  readonly required: boolean;
  readonly meaning: string;
  readonly aliases: readonly string[];
}

/** Every field of the manifest, parents before children, in the order of the reference. */
export function listKnownFields(): readonly KnownField[] {
  const tables: readonly FieldTable[] = [
    wml.MANIFEST,
    wml.MODEL_DEFINITION,
    wml.AUTHOR,
    wml.FRAMEWORK,
    wml.EXECUTION,
    wml.COMPUTE_CONFIGURATION,
    wml.DATA_REFERENCE,
    wml.SOURCE,
    wml.RESULTS_REFERENCE,
    wml.TARGET,
  ];
  const stores = Object.keys(CONNECTION_TABLES) as StoreType[];
  return [
    ...tables.flatMap((table) => fieldsOf(table, null)),
    ...stores.flatMap((store) => fieldsOf(CONNECTION_TABLES[store], store)),
  ];
}

/** Where a key that stands in the wrong place belongs; undefined when the manifest has no such key. */
export function placeOfKey(key: string): string | undefined {
  const field = listKnownFields().find(({ path, aliases }) => lastKey(path) === key || aliases.includes(key));
  if (field === undefined) return undefined;
  const parent = field.path.slice(0, -lastKey(field.path).length - 1);
  return parent === "" ? undefined : parent;
}

function lastKey(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function fieldsOf(table: FieldTable, store: StoreType | null): KnownField[] {
  return Object.entries(table.fields).map(([name, field]) => ({
    path: table.path === "" ? name : `${table.path}.${name}`,
    store,
    type: field.type,
    required: field.required,
    meaning: field.ignored === undefined ? field.meaning : `${field.meaning}; without effect: ${field.ignored}`,
    aliases: [...(field.aliases ?? []), ...(field.fallback === undefined ? [] : [field.fallback])],
  }));
}
