import type { Credentials, TrainingSpec } from "../domain/training-spec.ts";

/** What the reader of a dialect makes of a document without problems. */
export interface DialectReading {
  readonly spec: TrainingSpec;
  readonly credentials: Credentials;
}
