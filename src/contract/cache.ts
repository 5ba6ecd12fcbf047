import { z } from "zod";

/** Counts of objects and bytes since the server started. */
const Count = z.object({ objects: z.int(), sizeBytes: z.int() });

export const CacheStatus = z
  .object({
    objects: z.int(),
    /** On the disk, in whole blocks. */
    sizeBytes: z.int(),
    /** What may stay beyond what live runs use. */
    maxBytes: z.int(),
    /** How many selections of buckets live runs use now. */
    inUse: z.int(),
    /** What runs had from the cache since the server started, and what had to come from a store. */
    hits: Count,
    misses: Count,
    /** By what means DATA_DIR shows data here, and a sentence for each better means that does not work. */
    view: z.object({ name: z.string(), refused: z.array(z.string()) }),
  })
  .meta({ id: "CacheStatus" });
export type CacheStatus = z.infer<typeof CacheStatus>;

export const CacheClearing = z.object({ freedBytes: z.int() }).meta({ id: "CacheClearing" });
