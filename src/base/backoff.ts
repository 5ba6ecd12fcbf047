/** How long to wait between tries. `attempts` counts the first try too. */
export interface BackoffPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * The pause after failed try number `attempt` (from 1): doubling, capped, with "full jitter" (uniform between
 * half and the whole of the step) so that many runs that failed together do not return together.
 */
export function backoffDelayMs(policy: BackoffPolicy, attempt: number, random: () => number = Math.random): number {
  const step = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return step / 2 + (random() * step) / 2;
}
