import { isAbsolute } from "node:path";
import { z } from "zod";

const Text = z.string({ error: "a text" }).min(1, { error: "a text that is not empty" });
const AbsolutePath = z
  .string({ error: "an absolute path" })
  .refine((path) => isAbsolute(path), { error: "an absolute path" });
const VariableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "a name of letters, digits and _ that does not begin with a digit" });

/** One entry of `environments`: a place to run programs in that the operator vouches for. */
export const EnvironmentEntry = z
  .strictObject(
    {
      framework: Text,
      version: Text,
      aliases: z.array(Text, { error: "a list of versions" }).default([]),
      python: AbsolutePath.nullable().default(null),
      path: z.array(AbsolutePath, { error: "a list of folders" }).default([]),
      env: z.record(VariableName, z.string({ error: "a text" }), { error: "a map of names to texts" }).default({}),
      probe: Text.nullable().default(null),
      served_by: Text.nullable().default(null),
    },
    { error: "a map with framework and version" },
  )
  .readonly()
  // An entry either is a place of its own or sends on to another.
  .refine(({ served_by, python, path, probe }) => served_by === null || (python ?? probe ?? path[0] ?? null) === null, {
    path: ["served_by"],
    error: "alone: without python, path and probe",
  });
export type EnvironmentEntry = z.output<typeof EnvironmentEntry>;

/** One entry of `builds.recipes`: what a package index must deliver for a framework. */
export const RecipeEntry = z
  .strictObject(
    {
      framework: Text,
      requirements: z.array(Text, { error: "a list of requirements" }).min(1, { error: "a list of requirements" }),
      cpu_requirements: z.array(Text, { error: "a list of requirements" }).nullable().default(null),
      module: Text.nullable().default(null),
    },
    { error: "a map with framework and requirements" },
  )
  .readonly();
export type RecipeEntry = z.output<typeof RecipeEntry>;

/** Whose scalars are texts however they look: the version `1.10` is not the number 1.1. */
export const TEXT_KEYS: ReadonlySet<string> = new Set([
  "version",
  "aliases",
  "env",
  "served_by",
  "requirements",
  "cpu_requirements",
]);
