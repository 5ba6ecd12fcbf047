export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/**
 * Makes the generated document say what a reader needs and no more: paths in the order of the contract, no second copy of
 * each schema that nothing refers to, and nothing that zod adds of its own.
 */
export function tidyDocument(document: JsonObject, contracts: readonly { readonly path: string }[]): JsonObject {
  const tidy = withoutZodNoise(document) as JsonObject;
  const paths = tidy["paths"] as JsonObject;
  tidy["paths"] = Object.fromEntries(contracts.map(({ path }) => [path, paths[path] ?? {}]));
  const components = tidy["components"] as JsonObject;
  const schemas = components["schemas"] as JsonObject;
  const used = references(tidy["paths"] ?? null);
  // A schema may be referred to only by another one.
  for (const name of used) for (const inner of references(schemas[name] ?? null)) used.add(inner);
  const kept = Object.entries(schemas).filter(([name]) => used.has(name));
  components["schemas"] = Object.fromEntries(kept.map(([name, schema]) => [name, openForMore(schema)]));
  return tidy;
}

function withoutZodNoise(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutZodNoise);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value as JsonObject).filter(
    ([key, inner]) => !isZodNoise(key, inner, value as JsonObject),
  );
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutZodNoise(inner)]));
}

function isZodNoise(key: string, value: Json, schema: JsonObject): boolean {
  // The format says it; the expression is a screenful.
  if (key === "pattern") return schema["format"] === "date-time";
  // The bounds of every JavaScript integer, not of the field.
  return (key === "minimum" || key === "maximum") && Math.abs(value as number) === Number.MAX_SAFE_INTEGER;
}

/** An answer may get more fields in a later version; a client made from this document must not choke on them. */
function openForMore(value: Json): Json {
  if (Array.isArray(value)) return value.map(openForMore);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value as JsonObject).filter(([key]) => key !== "additionalProperties");
  return Object.fromEntries(kept.map(([key, inner]) => [key, openForMore(inner)]));
}

const SCHEMA_REFERENCE = "#/components/schemas/";

function references(value: Json): Set<string> {
  const found = new Set<string>();
  collectReferences(value, found);
  return found;
}

function collectReferences(value: Json, found: Set<string>): void {
  if (value === null || typeof value !== "object") return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "$ref" && typeof inner === "string") found.add(inner.replace(SCHEMA_REFERENCE, ""));
    else collectReferences(inner, found);
  }
}
