import { nearest } from "../../base/nearest.ts";
import { ClosedOutput, wrongUse } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { productVersion } from "../product-version.ts";
import { failureReport } from "../report.ts";
import { BX_HELP, BX_USAGE } from "./bx-help.ts";
import { nounOf, type Noun } from "./bx-nouns.ts";
import { cancelModel, deleteModel, listModels, monitorModel, showModel, trainModel } from "./bx-runs.ts";

/** Commands of the client of that time that serve models, which Trainyard only trains. */
const ELSEWHERE = ["deploy", "score", "store"];

/** Answers `bx ml …` as the command line of 2017 did; what goes wrong is FAILED and a sentence on stderr. */
export async function runBx(args: readonly string[], context: Context): Promise<number> {
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

async function answer(args: readonly string[], context: Context): Promise<void> {
  const [plugin, command, ...rest] = args;
  if (plugin !== undefined && plugin !== "ml") {
    throw wrongUse(`'bx ${plugin}' is not known here; only 'bx ml' is.`, "Enter 'bx ml help' for its commands.");
  }
  if (command === undefined || ["help", "-h", "--help", "h"].includes(command)) return await help(context, rest[0]);
  if (rest.includes("--help") || rest.includes("-h")) return await help(context, command);
  await dispatch(context, command, rest);
}

async function dispatch(context: Context, command: string, rest: readonly string[]): Promise<void> {
  switch (command) {
    case "train":
      return await trainModel(context, ...zipAndManifest(rest));
    case "list":
      return await listModels(context, onlyNoun(command, rest));
    case "show":
      return await showModel(context, ...nounAndId(command, rest));
    case "delete":
      return await deleteModel(context, ...nounAndId(command, rest));
    case "cancel":
      return await cancelModel(context, nounAndId(command, rest)[1]);
    case "monitor":
      return await monitorModel(context, nounAndId(command, rest)[1]);
    case "version":
      return await context.io.stdout.write(`Trainyard ${productVersion()}\n`);
    default:
      throw unknownCommand(command);
  }
}

function zipAndManifest(words: readonly string[]): [zip: string, manifest: string] {
  const [zip, manifest, tooMany] = words;
  if (zip === undefined || manifest === undefined || tooMany !== undefined) throw wrongWords("train");
  return [zip, manifest];
}

function onlyNoun(command: string, words: readonly string[]): Noun {
  const [noun, tooMany] = words;
  if (tooMany !== undefined) throw wrongWords(command);
  return nounOf(noun, command);
}

function nounAndId(command: string, words: readonly string[]): [noun: Noun, id: string] {
  const [noun, id, tooMany] = words;
  const known = nounOf(noun, command);
  if (id === undefined || tooMany !== undefined) throw wrongWords(command);
  return [known, id];
}

function wrongWords(command: string): Error {
  return wrongUse(`'bx ml ${command}' was given too few words or too many.`, `Write: ${BX_USAGE[command]}`);
}

function unknownCommand(command: string): Error {
  if (ELSEWHERE.includes(command)) {
    return wrongUse(
      `'bx ml ${command}' serves models, and Trainyard trains them only.`,
      "The model is in the results bucket.",
    );
  }
  const meant = nearest(command, Object.keys(BX_USAGE));
  const question = meant === undefined ? "" : ` (did you mean '${meant}'?)`;
  return wrongUse(`'${command}' is not a command of 'bx ml'${question}.`, "Enter 'bx ml help' for its commands.");
}

async function help(context: Context, topic: string | undefined): Promise<void> {
  if (topic === undefined) return await context.io.stdout.write(BX_HELP);
  const usage = Object.hasOwn(BX_USAGE, topic) ? BX_USAGE[topic] : undefined;
  if (usage === undefined) throw unknownCommand(topic);
  await context.io.stdout.write(`USAGE:\n   ${usage}\n`);
}
