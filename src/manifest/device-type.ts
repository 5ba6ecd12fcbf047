import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

/** The types of GPU that sizes name, and what FfDL calls them. */
export const FFDL_TYPES: Readonly<Record<string, string>> = {
  k80: "nvidia-TeslaK80",
  p100: "nvidia-TeslaP100",
  v100: "nvidia-TeslaV100",
};

/** The type of a run that wants no GPU: its devices are CPU slots. */
export const CPU = "cpu";

/** The type of device at `place` in our spelling, or null when it is absent or was reported. */
export function readDeviceType(place: Place | undefined, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.nameLength }, findings)?.trim() ?? null;
  if (text === null) return null;
  const word = text.toLowerCase();
  if (word === CPU || Object.hasOwn(FFDL_TYPES, word)) return word;
  return Object.keys(FFDL_TYPES).find((type) => FFDL_TYPES[type]?.toLowerCase() === word) ?? text;
}
