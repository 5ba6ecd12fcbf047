import type { BucketReference } from "../domain/training-spec.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";

/** Where the results go when the manifest names no bucket; the embedded store makes it on first use. */
export const DEFAULT_RESULTS: BucketReference = {
  bucket: "trained-models",
  name: null,
  connection: { type: "directory", root: null },
};

/** `field` is what the manifest's dialect calls the place where a bucket is named. */
export function warnNoData(document: Place, field: string, findings: Findings): void {
  findings.warning(
    "data_absent",
    { offset: document.offset, path: field },
    "The manifest names no training data, so DATA_DIR will be empty.",
    `Add '${field}' with the bucket, unless the program brings its data along.`,
  );
}

export function warnNoResults(document: Place, field: string, findings: Findings): void {
  findings.warning(
    "results_embedded",
    { offset: document.offset, path: field },
    `The manifest names no results bucket, so the results go to the embedded bucket '${DEFAULT_RESULTS.bucket}'.`,
    `Add '${field}' with a bucket to have them elsewhere.`,
  );
}
