import { CONNECTION_TABLES } from "./connection-fields.ts";
import type { StoreType } from "./connection-fields.ts";
import * as ffdl from "./ffdl-fields.ts";
import type { Dialect, Field, FieldTable } from "./field-table.ts";
import * as wml from "./wml-fields.ts";

/** A field as the reference shows it. */
export interface KnownField {
  /** In canonical spelling; `connection.…` is the connection of any reference or store. */
  readonly path: string;
  /** Where the field is known; connections are the same in both. */
  readonly family: "wml" | "ffdl" | "connection";
  /** The store whose connection has the field; null outside connections. */
  readonly store: StoreType | null;
  readonly type: Field["type"];
  readonly required: boolean;
  readonly meaning: string;
  readonly aliases: readonly string[];
}

const METRICS: readonly FieldTable[] = [ffdl.EVALUATION_METRICS, ffdl.METRIC_GROUP, ffdl.METRIC_FIELD];

const TABLES: Readonly<Record<"wml" | "ffdl", readonly FieldTable[]>> = {
  wml: [
    wml.MANIFEST,
    wml.MODEL_DEFINITION,
    wml.AUTHOR,
    wml.FRAMEWORK,
    wml.RUNTIME,
    wml.EXECUTION,
    wml.COMPUTE_CONFIGURATION,
    wml.DATA_REFERENCE,
    wml.SOURCE,
    wml.RESULTS_REFERENCE,
    wml.TARGET,
  ],
  ffdl: [ffdl.MANIFEST, ffdl.FRAMEWORK, ffdl.DATA_STORE, ffdl.TRAINING_DATA, ffdl.TRAINING_RESULTS, ...METRICS],
};

const FIELDS: readonly KnownField[] = [
  ...TABLES.wml.flatMap((table) => fieldsOf(table, "wml", null)),
  ...TABLES.ffdl.flatMap((table) => fieldsOf(table, "ffdl", null)),
  ...(Object.keys(CONNECTION_TABLES) as StoreType[]).flatMap((store) =>
    fieldsOf(CONNECTION_TABLES[store], "connection", store),
  ),
];

export const WML: Dialect = { placeOfKey: (key) => placeOfKey(key, "wml"), unknownKeys: "refused" };
export const FFDL: Dialect = { placeOfKey: (key) => placeOfKey(key, "ffdl"), unknownKeys: "warned" };

/** Every field of every manifest, parents before children, in the order of the reference. */
export function listKnownFields(): readonly KnownField[] {
  return FIELDS;
}

/** Where a key that stands in the wrong place belongs; undefined when the manifest has no such key. */
function placeOfKey(key: string, family: "wml" | "ffdl"): string | undefined {
  const field = FIELDS.find(
    (known) =>
      (known.family === family || known.family === "connection") &&
      (lastKey(known.path) === key || known.aliases.includes(key)),
  );
  if (field === undefined) return undefined;
  const parent = field.path.slice(0, -lastKey(field.path).length - 1);
  return parent === "" ? undefined : parent;
}

function lastKey(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function fieldsOf(table: FieldTable, family: KnownField["family"], store: StoreType | null): KnownField[] {
  return Object.entries(table.fields).map(([name, field]) => ({
    path: table.path === "" ? name : `${table.path}.${name}`,
    family,
    store,
    type: field.type,
    required: field.required,
    meaning: meaningOf(field),
    aliases: [...(field.aliases ?? []), ...(field.fallback === undefined ? [] : [field.fallback])],
  }));
}

function meaningOf({ meaning, ignored, refused }: Field): string {
  if (refused !== undefined) return `${meaning}; refused`;
  return ignored === undefined ? meaning : `${meaning}; without effect: ${ignored}`;
}
