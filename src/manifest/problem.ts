/**
 * Every code a problem or a warning about a manifest or its ZIP can have, with what it means: the closed list.
 * `docs/reference/manifest.md` shows the same list and a test compares them. A code is never reused for something else.
 */
export const PROBLEM_CODES = {
  manifest_syntax: "The file is not readable as YAML or JSON text.",
  manifest_kind: "The file is readable, but it is another kind of document than the manifest of a training run.",
  manifest_too_large: "The file, its nesting or one of its values is larger than a manifest may be.",
  field_unknown: "A key that the manifest does not have in this place; a warning in FfDL's, which ignored it too.",
  field_missing: "A required field is absent or empty.",
  field_duplicated: "A field is given twice, under one spelling or two; a warning where both say the same.",
  value_invalid: "A value has the wrong type, form or length, or is none of those allowed.",
  value_not_filled_in: "A value is still the placeholder of a template.",
  credential_not_filled_in: "A value of a connection is empty or still the placeholder of a template.",
  feature_unsupported: "The manifest asks for something that Trainyard does not do.",
  too_many_problems: "There are more problems than are shown.",
  archive_unsafe: "The model definition ZIP has entries that could do harm.",
  archive_unreadable: "The model definition is not a ZIP that can be read.",
  archive_too_large: "The model definition ZIP is larger than allowed, packed or unpacked.",
  environment_unavailable: "Nothing on this machine runs the framework and version asked for.",
  requirements_missing: "The file of requirements that the manifest names is not in the model definition ZIP.",
  program_missing: "A warning: the program file that the command runs is not in the model definition ZIP.",
  data_absent: "A warning: no training data is named, so DATA_DIR will be empty.",
  results_embedded: "A warning: no results bucket is named, so the results stay in the embedded store.",
  field_ignored: "A warning: the field is understood but has no effect here.",
  value_adjusted: "A warning: the value is understood, and something near it is used.",
  key_quoted: "A warning: a key ends in a stray quote and is understood without it.",
  spelling_translated: "A warning: a key or value is written as a translated page shows it.",
  device_type_ignored: "A warning: the size names a type of GPU, and only the number of devices counts.",
} as const;

export type ProblemCode = keyof typeof PROBLEM_CODES;

/** One thing wrong, or odd, in a manifest, and where. The same shape as `ManifestProblem` of the contract. */
export interface Problem {
  readonly code: ProblemCode;
  /** One sentence that names the thing and, unless it belongs to a connection, its value. */
  readonly message: string;
  /** What to write instead. */
  readonly hint: string;
  readonly file: string;
  /** From 1; null when the problem has no one place. */
  readonly line: number | null;
  readonly column: number | null;
  /** As the user spelled it: `training_data[0].connection.endpoint_url`; empty for the whole document. */
  readonly path: string;
}
