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

/** What a size stands for. */
export interface SizeReading {
  readonly devices: number;
  readonly deviceType: string | null;
}

/** The size of 2017 or, for a type of GPU, of 2018 that stands for exactly this; undefined when there is none. */
export function sizeFor({ devices, deviceType }: SizeReading): string | undefined {
  if (deviceType === null) return (Object.keys(SIZES) as Size[]).find((size) => SIZES[size] === devices);
  const name = devices === 1 ? deviceType : `${deviceType}x${devices}`;
  return Object.hasOwn(GPU_SIZES, name) ? name : undefined;
}

/** What the size at `place` stands for, or null when it is none, which is reported. */
export function readSize(place: Place, findings: Findings): SizeReading | null {
  const text = readText(place, { maxLength: 100 }, findings);
  if (text === null) return null;
  const word = text.trim().normalize("NFC").toLowerCase();
  if (isSize(word)) return { devices: SIZES[word], deviceType: null };
  const size = Object.hasOwn(TRANSLATED_SIZES, word) ? TRANSLATED_SIZES[word] : undefined;
  if (size !== undefined) {
    findings.warning("spelling_translated", place, `'${text}' is understood as '${size}'.`, `Write '${size}'.`);
    return { devices: SIZES[size], deviceType: null };
  }
  const devices = Object.hasOwn(GPU_SIZES, word) ? GPU_SIZES[word] : undefined;
  if (devices !== undefined) {
    const hint = `Write '${sizeFor({ devices, deviceType: null })}' to say the same without the type.`;
    warnTypeIgnored(place, text, devices, hint, findings);
    return { devices, deviceType: word.replace(/x\d$/, "") };
  }
  const names = [...Object.keys(SIZES), ...Object.keys(GPU_SIZES)];
  const meant = nearest(word, names);
  const hint = meant === undefined ? "Write small (1 device), medium (2) or large (4)." : `Did you mean '${meant}'?`;
  findings.problem("value_invalid", place, `'${place.path}' is '${text}', which is no size.`, hint);
  return null;
}

export function warnTypeIgnored(place: Place, text: string, devices: number, hint: string, findings: Findings): void {
  const amount = devices === 1 ? "one device" : `${devices} devices`;
  const message = `'${text}' asks for a type of GPU; the run gets ${amount} of whatever this machine has.`;
  findings.warning("device_type_ignored", place, message, hint);
}

function isSize(word: string): word is Size {
  return Object.hasOwn(SIZES, word);
}
