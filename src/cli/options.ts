import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { DataFormat } from "./output/format.ts";

/** `trainyard` with the flags that every command understands, before any command is added. */
export function emptyProgram() {
  return new Command("trainyard")
    .description("Train models: hand over a ZIP and a manifest, watch the run, fetch what it produced.")
    .option("--home <folder>", "talk to the server of this home (default: $TRAINYARD_HOME)")
    .option("--url <url>", "talk to the server at this address (default: $TRAINYARD_URL, else the saved login)")
    .option("--token-file <file>", "read the token from this file (default: $TRAINYARD_TOKEN)")
    .option("-V, --version", "print the version");
}

export type Program = ReturnType<typeof emptyProgram>;

/** `-o`: how data is printed. The first format is the default. */
export function outputOption<const F extends DataFormat>(usual: F, ...others: readonly F[]) {
  return new Option("-o, --output <format>", "how to print").choices([usual, ...others]).default(usual);
}

/** Parses a whole number option and says what was expected. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isInside = /^\d+$/.test(text) && value >= min && value <= max;
    if (!isInside) throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}
