import { ClosedOutput, wrongUse } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { didYouMean } from "../did-you-mean.ts";
import { failureReport } from "../report.ts";
import { elsewhere } from "./bx-elsewhere.ts";
import { withClientVariables } from "./bx-environment.ts";
import { listFrameworks } from "./bx-frameworks.ts";
import { generateManifest } from "./bx-generate-manifest.ts";
import { BX_COMMANDS, bxHelp } from "./bx-help.ts";
import { monitorModel, monitorRequest, type MonitorRequest } from "./bx-monitor.ts";
import { nounOf, type Noun } from "./bx-nouns.ts";
import { cancelModel, deleteModel, listModels, showModel, storeModel, trainModel } from "./bx-runs.ts";
import { bxVersion } from "./bx-version.ts";

/** Answers `bx ml …` as the command line of 2017 and 2018 did; what goes wrong is FAILED and a sentence on stderr. */
export async function runBx(args: readonly string[], given: Context): Promise<number> {
  const context = { ...given, io: withClientVariables(given.io) };
  try {
    await answer(args, context);
    return 0;
  } catch (error) {
    if (error instanceof ClosedOutput) return 0;
    const { exitCode, message, lines, hint } = await failureReport(error, context);
    const isDetached = exitCode === 130;
    const text = [isDetached ? [] : "FAILED", message, ...lines, hint === "" ? [] : hint].flat();
    await context.io.stderr.write(`${text.join("\n")}\n`);
    return isDetached ? 130 : 1;
  }
}

const HELP_WORDS = ["help", "h", "-h", "--help"];

async function answer(args: readonly string[], context: Context): Promise<void> {
  const [plugin, command, ...rest] = args;
  if (plugin === undefined || HELP_WORDS.includes(plugin)) return await help(context, undefined);
  if (plugin !== "ml") {
    throw wrongUse(`'bx ${plugin}' is not known here; only 'bx ml' is.`, "Enter 'bx ml help' for its commands.");
  }
  if (command === undefined) return await help(context, undefined);
  if (HELP_WORDS.includes(command))
    return await help(
      context,
      rest.find((word) => !word.startsWith("-")),
    );
  if (rest.includes("-h") || rest.includes("--help")) return await help(context, command);
  await dispatch(context, command, rest);
}

async function dispatch(context: Context, command: string, rest: readonly string[]): Promise<void> {
  switch (command) {
    case "train":
      return await trainModel(context, ...zipAndManifest(rest));
    case "list":
      if (rest.length > 1) throw wrongWords(command);
      if (rest[0] === "frameworks") return await listFrameworks(context);
      return await listModels(context, nounOf(rest[0], command, ["frameworks"]));
    case "show":
      return await showModel(context, ...nounAndId(command, rest));
    case "monitor":
      return await monitorModel(context, ...idAndRequest(rest));
    case "cancel":
      return await cancelModel(context, nounAndId(command, rest)[1]);
    case "delete":
      return await deleteModel(context, ...nounAndId(command, rest));
    case "generate-manifest":
      if (rest.length > 1) throw wrongWords(command);
      return await generateManifest(context, rest[0]);
    case "store":
      return await storeModel(context, nounAndId(command, rest)[1]);
    case "version":
      return await context.io.stdout.write(bxVersion());
    default:
      throw elsewhere(command, command) ?? unknownCommand(command);
  }
}

function zipAndManifest(words: readonly string[]): [zip: string, manifest: string] {
  const [zip, manifest, tooMany] = words;
  if (zip === undefined || manifest === undefined || tooMany !== undefined) throw wrongWords("train");
  return [zip, manifest];
}

function nounAndId(command: string, words: readonly string[]): [noun: Noun, id: string] {
  const [noun, id, tooMany] = words;
  const known = nounOf(noun, command);
  if (id === undefined || tooMany !== undefined) throw wrongWords(command);
  return [known, id];
}

function idAndRequest(words: readonly string[]): [id: string, request: MonitorRequest] {
  const [, id] = nounAndId("monitor", words.slice(0, 2));
  const request = monitorRequest(words.slice(2));
  if (request === undefined) throw wrongWords("monitor");
  return [id, request];
}

function wrongWords(command: string): Error {
  return wrongUse(`'bx ml ${command}' was given too few words or too many.`, `Write: ${BX_COMMANDS[command]?.usage}`);
}

function unknownCommand(command: string): Error {
  const question = didYouMean(command, Object.keys(BX_COMMANDS));
  return wrongUse(`'${command}' is not a command of 'bx ml'${question}.`, "Enter 'bx ml help' for its commands.");
}

async function help(context: Context, topic: string | undefined): Promise<void> {
  const text = bxHelp(topic);
  if (text === undefined) throw elsewhere(topic ?? "", topic ?? "") ?? unknownCommand(topic ?? "");
  await context.io.stdout.write(text);
}
