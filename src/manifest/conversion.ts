/** The manifests that can be printed; `trainyard` is Watson ML's with fields of ours, and holds all that a spec says. */
export const PRINTED_DIALECTS = ["wml", "ffdl", "trainyard"] as const;

export type PrintedDialect = (typeof PRINTED_DIALECTS)[number];

/** One thing that a printed manifest does not say as the spec does. */
export interface ConversionNote {
  /** The spec's field that reads differently afterwards, as `framework.python`; null where nothing of the spec does. */
  readonly field: string | null;
  /** One sentence, without the value of a credential. */
  readonly message: string;
}

/** Collects notes while a manifest is put together. */
export type Note = (field: string | null, message: string) => void;

/** The fields of a map that have a value. */
export function withoutNulls(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
