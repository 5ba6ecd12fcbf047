import { randomText } from "../base/random-text.ts";

/** New ids use letters and digits only: clients of 2018 take an `_` as the mark of a search's sub-run. */
export function newRunId(): string {
  return `training-${randomText(9)}`;
}

export const RUN_ID_PATTERN = /^training-[A-Za-z0-9]{9}$/;

export function isRunId(text: string): boolean {
  return RUN_ID_PATTERN.test(text);
}
