import { printDuration } from "../../base/duration.ts";
import { retriesAboveMaximum, timeLimitAboveMaximum } from "../../domain/errors.ts";
import type { TrainingSpec } from "../../domain/training-spec.ts";

/** What the operator says of every attempt. */
export interface AttemptRules {
  /** For manifests that name none; null: as long as `maxTimeLimitMs` allows. */
  readonly defaultTimeLimitMs: number | null;
  /** Null: any. */
  readonly maxTimeLimitMs: number | null;
  readonly maxRetries: number;
  /** The pause before the second attempt; it doubles with each one after that. */
  readonly retryDelayMs: number;
}

/** Without any configuration. */
export const PLAIN_RULES: AttemptRules = {
  defaultTimeLimitMs: null,
  maxTimeLimitMs: null,
  maxRetries: 10,
  retryDelayMs: 10_000,
};

/**
 * The spec as it is accepted here, with the limit it will run under: one that is configured later changes nothing for
 * runs that were accepted before. Throws where the manifest asks for more than is allowed.
 */
export function withinRules(spec: TrainingSpec, rules: AttemptRules): TrainingSpec {
  const { defaultTimeLimitMs, maxTimeLimitMs, maxRetries } = rules;
  const { timeLimitMs: wanted, retries } = spec;
  if (wanted !== null && maxTimeLimitMs !== null && wanted > maxTimeLimitMs) {
    throw timeLimitAboveMaximum(printDuration(wanted), printDuration(maxTimeLimitMs));
  }
  if (retries > maxRetries) throw retriesAboveMaximum(retries, maxRetries);
  const usual = Math.min(defaultTimeLimitMs ?? Infinity, maxTimeLimitMs ?? Infinity);
  return { ...spec, timeLimitMs: wanted ?? (usual === Infinity ? null : usual) };
}
