const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** From the largest to the smallest, which is also the order in which they stand in a duration. */
const UNITS = [
  { pattern: "d|days?", ms: DAY_MS },
  { pattern: "h|hrs?|hours?", ms: HOUR_MS },
  { pattern: "m|min|mins|minutes?", ms: MINUTE_MS },
  { pattern: "s|secs?|seconds?", ms: SECOND_MS },
] as const;

const IN_UNITS = new RegExp(`^${UNITS.map(({ pattern }) => `(?:(\\d{1,9}) ?(?:${pattern}))?`).join(" ?")}$`, "i");

/** As Slurm writes it: `HH:MM:SS`, with days and a hyphen before it where there are any. */
const OF_CLOCK = /^(?:(\d{1,5})-)?(\d{1,6}):([0-5]?\d):([0-5]?\d)$/;

/**
 * The milliseconds of a duration such as `90m`, `1h30m`, `2d`, `1-12:00:00` or `01:30:00`; null for anything else.
 * What means one thing to one program and another to the next is nothing here: a number without a unit is minutes
 * to Slurm and seconds to Kubernetes, and `10:30` is minutes and seconds to Slurm and hours and minutes to people.
 */
export function parseDuration(text: string): number | null {
  const clock = OF_CLOCK.exec(text);
  if (clock !== null) {
    const [, days = "0", hours = "0", minutes = "0", seconds = "0"] = clock;
    return sum([days, hours, minutes, seconds]);
  }
  const [whole, ...counts] = IN_UNITS.exec(text) ?? [];
  return whole === undefined || whole.trim() === "" ? null : sum(counts);
}

function sum(counts: readonly (string | undefined)[]): number {
  return UNITS.reduce((total, { ms }, i) => total + Number(counts[i] ?? 0) * ms, 0);
}

/** The shortest text in units that reads as exactly these whole seconds: `1d12h`, `90s` is `1m30s`. */
export function printDuration(ms: number): string {
  let left = ms;
  const parts = UNITS.map(({ pattern, ms: unit }) => {
    const count = Math.floor(left / unit);
    left -= count * unit;
    return count === 0 ? "" : `${count}${pattern.charAt(0)}`;
  });
  return parts.join("") || "0s";
}

/** A measured time for people: tenths of a second below a minute, whole seconds above. */
export function formatDuration(ms: number): string {
  return ms < MINUTE_MS ? `${(ms / SECOND_MS).toFixed(1)} s` : printDuration(Math.round(ms / SECOND_MS) * SECOND_MS);
}
