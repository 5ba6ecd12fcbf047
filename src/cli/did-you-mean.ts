import { nearest } from "../base/nearest.ts";

/** What follows a sentence's last word where a word is near to a known one; else nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? "" : ` (did you mean '${meant}'?)`;
}
