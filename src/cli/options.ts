import { Command, InvalidArgumentError, Option, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { parseDuration, printDuration } from "../base/duration.ts";
import type { DataFormat } from "./output/format.ts";

/** `trainyard` with the flags that every command understands, before any command is added. */
export function emptyProgram() {
  return new Command("trainyard")
    .description("Train models: hand over a ZIP and a manifest, watch the run, fetch what it produced.")
    .option("--home <folder>", "talk to the server of this home (default: $TRAINYARD_HOME)", notEmpty)
    .option(
      "--url <url>",
      "talk to the server at this address (default: $TRAINYARD_URL, else the saved login)",
      notEmpty,
    )
    .option("--token-file <file>", "read the token from this file (default: $TRAINYARD_TOKEN)", notEmpty)
    .option("-V, --version", "print the version");
}

export type Program = ReturnType<typeof emptyProgram>;

const CONNECTION_FLAGS = ["--home", "--url", "--token-file"];

/** Of a command that asks no server: the home is a place. */
const HOME_ONLY = ["--home"];

/** What commands heed of the flags above, where it is not all of them. */
const HEEDED_FLAGS: Readonly<Record<string, readonly string[]>> = {
  check: HOME_ONLY,
  convert: [],
  credentials: [],
  serve: HOME_ONLY,
  doctor: HOME_ONLY,
  login: ["--url", "--token-file"],
  logout: [],
  completion: [],
};

const HOME_AS_PLACE =
  "the server's home, with its configuration (default: $TRAINYARD_HOME, else the user's data folder)";

/** The program's flags that a command heeds, as its help tells them. */
export function heededFlags(program: CommandUnknownOpts, command: string): Option[] {
  const heeded = HEEDED_FLAGS[command] ?? CONNECTION_FLAGS;
  return program.options
    .filter(({ long }) => heeded.includes(long ?? ""))
    .map((option) => (heeded === HOME_ONLY ? new Option(option.flags, HOME_AS_PLACE) : option));
}

/** `-o`: how data is printed. The first format is the default. */
export function outputOption<const F extends DataFormat>(usual: F, ...others: readonly F[]) {
  return new Option("-o, --output <format>", "how to print").choices([usual, ...others]).default(usual);
}

/** A script's variable without a value would otherwise mean the folder it runs in. */
function notEmpty(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

/** As a manifest may say it. */
const LONGEST_MS = 365 * 86_400_000;

/** A time as a manifest has it, checked here and sent as it was typed. */
export function duration(text: string): string {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError("It must be a time such as 90m, 1h30m, 2d or 1-12:00:00.");
  if (ms < 1000 || ms > LONGEST_MS)
    throw new InvalidArgumentError(`It may be from 1s to ${printDuration(LONGEST_MS)}.`);
  return text;
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
