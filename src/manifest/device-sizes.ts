import { nearest } from "../base/nearest.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";
import { readText } from "./text-value.ts";

/** The sizes of the manifest and how many devices each learner gets for it. */
export const SIZES = { small: 1, medium: 2, large: 4 } as const;

export type Size = keyof typeof SIZES;

/** The words that the translated page of 2017 shows for the sizes; the real ones were always English. */
const TRANSLATED_SIZES: Readonly<Record<string, Size>> = {
  klein: "small",
  mittel: "medium",
  groß: "large",
  gross: "large",
};

/** The sizes of 2018, which name a type of GPU. */
export const GPU_SIZES: Readonly<Record<string, number>> = {
  k80: 1,
  k80x2: 2,
  k80x4: 4,
  p100: 1,
  p100x2: 2,
  v100: 1,
  v100x2: 2,
};

export function sizeForDevices(devices: number): Size | undefined {
  return (Object.keys(SIZES) as Size[]).find((size) => SIZES[size] === devices);
}

/** The devices that the size at `place` stands for, or null when it is none, which is reported. */
export function readSize(place: Place, findings: Findings): number | null {
  const text = readText(place, { maxLength: 100 }, findings);
  if (text === null) return null;
  const word = text.trim().normalize("NFC").toLowerCase();
  if (isSize(word)) return SIZES[word];
  const size = Object.hasOwn(TRANSLATED_SIZES, word) ? TRANSLATED_SIZES[word] : undefined;
  if (size !== undefined) {
    findings.warning("spelling_translated", place, `'${text}' is understood as '${size}'.`, `Write '${size}'.`);
    return SIZES[size];
  }
  const devices = Object.hasOwn(GPU_SIZES, word) ? GPU_SIZES[word] : undefined;
  if (devices !== undefined) {
    const message = `'${text}' asks for a type of GPU; the run gets ${devices === 1 ? "one device" : `${devices} devices`} of whatever this machine has.`;
    const hint = `Write '${sizeForDevices(devices)}' to say the same without the type.`;
    findings.warning("device_type_ignored", place, message, hint);
    return devices;
  }
  const names = [...Object.keys(SIZES), ...Object.keys(GPU_SIZES)];
  const meant = nearest(word, names);
  const hint = meant === undefined ? "Write small (1 device), medium (2) or large (4)." : `Did you mean '${meant}'?`;
  findings.problem("value_invalid", place, `'${place.path}' is '${text}', which is no size.`, hint);
  return null;
}

function isSize(word: string): word is Size {
  return Object.hasOwn(SIZES, word);
}
