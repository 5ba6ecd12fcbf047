import { z } from "zod";

/** Each name and version once, however many interpreters offer it. */
export const FrameworkList = z
  .object({ frameworks: z.array(z.object({ name: z.string(), version: z.string() })) })
  .meta({ id: "FrameworkList" });
export type FrameworkList = z.infer<typeof FrameworkList>;
