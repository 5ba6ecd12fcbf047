const STEPS = [
  { unit: "d", ms: 86_400_000 },
  { unit: "h", ms: 3_600_000 },
  { unit: "min", ms: 60_000 },
] as const;

/** How long ago, in the largest whole unit: `45 s`, `3 min`, `2 h`, `5 d`. */
export function ageOf(at: string, now: Date): string {
  return formatSpan(Math.max(0, now.getTime() - Date.parse(at)));
}

/** How long until then, rounded up to a whole unit so that nobody is told less than nothing. */
export function remainingTime(until: string, now: Date): string {
  return formatSpan(Math.max(1000, Date.parse(until) - now.getTime() + 999));
}

/** A length of time in its largest whole unit. */
export function formatSpan(ms: number): string {
  for (const { unit, ms: step } of STEPS) {
    if (ms >= step) return `${Math.floor(ms / step)} ${unit}`;
  }
  return `${Math.floor(ms / 1000)} s`;
}
