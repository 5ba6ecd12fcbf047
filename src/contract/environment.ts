import { z } from "zod";

const Time = z.iso.datetime();

/** A place to run programs in: one that is here, one that was built here, or one that is being built. */
export const EnvironmentView = z
  .object({
    /** Of a built environment: the first 16 digits of its lock's SHA-256. Null for any other. */
    id: z.string().nullable(),
    framework: z.string(),
    version: z.string(),
    label: z.string(),
    origin: z.enum(["found", "configured", "built", "built_in"]),
    /** Whether live runs use it now; only built environments are counted, others are never removed. */
    inUse: z.boolean(),
    sizeBytes: z.int().nullable(),
    builtAt: Time.nullable(),
    lastUsedAt: Time.nullable(),
    /** What it was built from, as written before the index was asked. */
    requirements: z.array(z.string()),
  })
  .meta({ id: "Environment" });
export type EnvironmentView = z.infer<typeof EnvironmentView>;

export const EnvironmentList = z
  .object({
    environments: z.array(EnvironmentView),
    /** Ids of environments that are being built now. */
    building: z.array(z.string()),
    /** What would build: `uv 0.13.9 (/usr/bin/uv)`; null where nothing is built. */
    installer: z.string().nullable(),
    /** Frameworks that can be built, if the package index has the version. */
    buildable: z.array(z.object({ framework: z.string(), requirements: z.array(z.string()) })),
  })
  .meta({ id: "EnvironmentList" });
export type EnvironmentList = z.infer<typeof EnvironmentList>;

/** An aliases' target is built, under its own name. */
export const EnvironmentOrder = z.strictObject({
  framework: z.string().trim().min(1).max(100),
  version: z.string().trim().min(1).max(100),
});

export const EnvironmentBuild = z
  .object({
    /** `building`: not done when the wait was over; ask again with the same order. */
    status: z.enum(["ready", "building"]),
    /** Null while it is being built. */
    environment: EnvironmentView.nullable(),
  })
  .meta({ id: "EnvironmentBuild" });
export type EnvironmentBuild = z.infer<typeof EnvironmentBuild>;
