import { randomInt } from "node:crypto";

const LETTERS_AND_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Unpredictable letters and digits from the system's random source, every one equally likely. */
export function randomText(length: number): string {
  let text = "";
  for (let i = 0; i < length; i += 1) text += LETTERS_AND_DIGITS[randomInt(LETTERS_AND_DIGITS.length)];
  return text;
}
