import { readFileSync } from "node:fs";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { expect, test } from "vitest";
import { EXIT_CODES } from "../contract/exit-codes.ts";
import { BX_COMMANDS } from "./bx/bx-help.ts";
import { CliBench } from "./cli-bench.ts";
import { createContext } from "./context.ts";
import { processIo } from "./io.ts";
import { OUTCOME_CODES } from "./outcome.ts";
import { buildTrainyard } from "./program.ts";

const PAGE = new URL("../../docs/reference/cli.md", import.meta.url);
/** The page without the blanks that only align its tables. */
const REFERENCE = readFileSync(PAGE, "utf8")
  .replace(/ +\|/g, " |")
  .replace(/\| -+(?: \| -+)* \|/g, "|---|---|");

async function commands(): Promise<readonly CommandUnknownOpts[]> {
  await using bench = await CliBench.start();
  const program = await buildTrainyard(createContext(processIo(), bench.machine));
  return [program, ...program.commands.flatMap((command) => [command, ...command.commands])];
}

/** With the command that it is below. */
function nameOf(command: CommandUnknownOpts): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${parent.name()} ${command.name()}`;
}

/** What the reference must say about a command: how it is written, what it does, its arguments and options. */
function entryOf(command: CommandUnknownOpts): string {
  const isProgram = command.parent === null;
  const name = isProgram ? "trainyard" : `trainyard ${nameOf(command)}`;
  const rows = [
    ...command.registeredArguments.map((argument) =>
      row(argument.required ? `<${argument.name()}>` : `[${argument.name()}]`, argument.description),
    ),
    ...command.options.filter(({ hidden }) => !hidden).map((option) => row(option.flags, describe(option))),
  ];
  const table = rows.length === 0 ? "" : `\n| Written | Meaning |\n|---|---|\n${rows.join("")}`;
  const title = isProgram ? "## Options of every command" : `### ${name}`;
  return `${title}\n\n\`${name} ${command.usage()}\`\n\n${command.description()}\n${table}`;
}

function describe(option: CommandUnknownOpts["options"][number]): string {
  const choices = option.argChoices === undefined ? "" : `: ${option.argChoices.join(", ")}`;
  const usual = option.defaultValue === undefined ? "" : ` (default: ${option.defaultValue as string})`;
  return option.description + choices + usual;
}

function row(written: string, meaning: string): string {
  return `| \`${written}\` | ${meaning.replaceAll("|", "\\|")} |\n`;
}

test("the reference has every command with its arguments and options, and no other", async () => {
  const all = await commands();
  for (const command of all) expect(REFERENCE).toContain(entryOf(command));
  const described = [...REFERENCE.matchAll(/^### trainyard (\S+(?: \S+)?)$/gm)].map((match) => match[1]);
  expect(described).toEqual(all.slice(1).map(nameOf));
});

test("the reference has every command of bx ml", () => {
  const described = [...REFERENCE.matchAll(/^\| `(bx ml [^`]+)` \|/gm)].map((match) =>
    match[1]?.replaceAll("\\|", "|"),
  );
  expect(described).toEqual(Object.values(BX_COMMANDS).map(({ usage }) => usage));
});

test("the reference has every exit code, and no other", () => {
  const described = [...REFERENCE.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
  const codes = new Set([0, 1, 130, ...Object.values(EXIT_CODES), ...Object.values(OUTCOME_CODES)]);
  expect(described).toEqual([...codes].sort((a, b) => a - b));
});
