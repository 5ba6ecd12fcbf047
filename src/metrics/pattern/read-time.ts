const GLOG = /^[IWEF](\d\d)(\d\d)\s+(\d\d):(\d\d):(\d\d)\.(\d{1,6})/u;

/**
 * A time as logs write it: ISO 8601, seconds or milliseconds since 1970, or glog's `I0301 12:30:45.123`, which lacks
 * the year: it is the one that lies nearest before `seenAt`. Times without a zone are UTC. Null for anything else.
 */
export function readTime(text: string, seenAt: Date): Date | null {
  const glog = GLOG.exec(text);
  if (glog !== null) return readGlog(glog.slice(1).map(Number), glog[6] ?? "", seenAt);
  if (/^\d{9,10}(?:\.\d+)?$/u.test(text)) return new Date(Number(text) * 1000);
  if (/^\d{12,13}$/u.test(text)) return new Date(Number(text));
  const iso = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[-+]\d\d:?\d\d)?$/u.exec(text);
  if (iso === null) return null;
  const [, day, time, fraction = "0", zone = "Z"] = iso;
  const colon = /^[-+]\d{4}$/u.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone;
  const at = new Date(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${colon}`);
  return Number.isNaN(at.getTime()) ? null : at;
}

const DAY_MS = 24 * 60 * 60 * 1000;

function readGlog([month = 0, day = 0, hour, minute, second]: readonly number[], fraction: string, seenAt: Date): Date {
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const inYear = (year: number): Date => new Date(Date.UTC(year, month - 1, day, hour, minute, second, milliseconds));
  const year = seenAt.getUTCFullYear();
  const at = inYear(year);
  // A program's clock may run a little ahead, and its zone is unknown.
  return at.getTime() > seenAt.getTime() + DAY_MS ? inYear(year - 1) : at;
}
