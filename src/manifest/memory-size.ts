import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

/** The units of memory, in lower case: those with an `i` count in 1024, the others in 1000. */
const UNITS: Readonly<Record<string, bigint>> = {
  mb: 1_000n ** 2n,
  gb: 1_000n ** 3n,
  tb: 1_000n ** 4n,
  mib: 1_024n ** 2n,
  gib: 1_024n ** 3n,
  tib: 1_024n ** 4n,
};

const FORM = /^(\d{1,12})(?:\.(\d{1,6}))? ?([a-z]{2,3})$/i;

/**
 * The bytes that a text such as `8GB`, `1000MiB` or `1.5 GiB` stands for, counted exactly; what is less than a byte
 * is left out. Units may be in any case, as FfDL's own examples are. Null when it is absent or was reported.
 *
 * FfDL took 512 MB without a word for whatever it did not understand; here that is a problem.
 */
export function readMemory(place: Place | undefined, findings: Findings): number | null {
  const text = readText(place, { maxLength: 100 }, findings);
  if (place === undefined || text === null) return null;
  const bytes = parseMemory(text.trim());
  if (bytes !== null) return bytes;
  const message = `'${place.path}' is '${text}', which is no amount of memory.`;
  const hint = "Write a number, with decimals or without, and MB, GB, TB, MiB, GiB or TiB, like '8GB' or '1.5GiB'.";
  findings.problem("value_invalid", place, message, hint);
  return null;
}

export function parseMemory(text: string): number | null {
  const [, whole, decimals = "", unit] = FORM.exec(text) ?? [];
  const factor = unit === undefined ? undefined : UNITS[unit.toLowerCase()];
  if (whole === undefined || factor === undefined) return null;
  const bytes = (BigInt(whole + decimals) * factor) / 10n ** BigInt(decimals.length);
  return bytes > 0n && bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : null;
}

/** The shortest text that reads as exactly these bytes. */
export function printMemory(bytes: number): string {
  const units = ["TiB", "TB", "GiB", "GB", "MiB"] as const;
  const unit = units.find((name) => BigInt(bytes) % (UNITS[name.toLowerCase()] as bigint) === 0n);
  if (unit !== undefined) return `${BigInt(bytes) / (UNITS[unit.toLowerCase()] as bigint)}${unit}`;
  const [whole, decimals] = [
    Math.floor(bytes / 1e6),
    String(bytes % 1e6)
      .padStart(6, "0")
      .replace(/0+$/, ""),
  ];
  return decimals === "" ? `${whole}MB` : `${whole}.${decimals}MB`;
}
