const STEPS = [
  { unit: "d", ms: 86_400_000 },
  { unit: "h", ms: 3_600_000 },
  { unit: "min", ms: 60_000 },
] as const;

/** How long ago, in the largest whole unit: `45 s`, `3 min`, `2 h`, `5 d`. */
export function ageOf(at: string, now: Date): string {
  return formatSpan(Math.max(0, now.getTime() - Date.parse(at)));
}

/** How long until then, rounded up to a whole minute or second. */
export function remainingTime(until: string, now: Date): string {
  const ms = Math.max(1, Date.parse(until) - now.getTime());
  const stepMs = ms > 60_000 ? 60_000 : 1000;
  return formatSpan(Math.ceil(ms / stepMs) * stepMs);
}

/** A length of time in its largest whole unit. */
export function formatSpan(ms: number): string {
  for (const { unit, ms: step } of STEPS) {
    if (ms >= step) return `${Math.floor(ms / step)} ${unit}`;
  }
  return `${Math.floor(ms / 1000)} s`;
}
