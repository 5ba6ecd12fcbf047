import type { z } from "zod";

/** One thing that an operator can set: in the file, as an environment variable, some as a flag. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** For people: `HOST:PORT`, `list of folders`. */
  readonly type: string;
  /** Checks and reads a value as the file has it. Its messages continue "KEY must be ". */
  readonly schema: Schema;
  /** In the schema's input, as one would write it in the file; the text is also what the reference shows. */
  readonly default: string;
  /** A value other than the default, as one would write it in the file. */
  readonly example: string;
  readonly meaning: string;
  /** From the text of a variable or flag to what the file would hold; null where only the file can say it. */
  readonly fromText: ((text: string) => unknown) | null;
}

/** Ties the schema's type to the setting. */
export function setting<Schema extends z.ZodType>(definition: Setting<Schema>): Setting<Schema> {
  return definition;
}

export function asText(text: string): unknown {
  return text;
}

/** A number where the text is one; else the text, for the schema to refuse or to know (`forever`). */
export function asNumber(text: string): unknown {
  return /^-?[0-9]+(?:\.[0-9]+)?$/.test(text.trim()) ? Number(text) : text.trim();
}

export function asBoolean(text: string): unknown {
  const word = text.trim().toLowerCase();
  return word === "true" || word === "false" ? word === "true" : text.trim();
}

/** Parts between commas; an empty part is nobody's wish. */
export function asList(text: string): unknown {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** `stores.directory.roots` is `TRAINYARD_STORES_DIRECTORY_ROOTS`. */
export function variableOf(key: string): string {
  return `TRAINYARD_${key.replaceAll(".", "_").toUpperCase()}`;
}
