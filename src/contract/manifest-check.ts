import { z } from "zod";

/** One thing wrong, or odd, in a manifest or its ZIP, and where. */
export const ManifestProblem = z.object({
  /** From the closed list in `docs/reference/manifest.md`. */
  code: z.string(),
  /** One sentence that names the thing and its value; never a credential. */
  message: z.string(),
  /** What to write instead. */
  hint: z.string(),
  file: z.string(),
  /** From 1; null when the problem has no one place. */
  line: z.int().nullable(),
  column: z.int().nullable(),
  /** `model_definition.execution.command`; empty for the whole document. */
  path: z.string(),
});
export type ManifestProblem = z.infer<typeof ManifestProblem>;

/** The answer of `trainyard check -o json`. */
export interface CheckReport {
  /** Null when there are problems. */
  readonly spec: unknown;
  readonly problems: readonly ManifestProblem[];
  readonly warnings: readonly ManifestProblem[];
}
