import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { heededFlags } from "../options.ts";
import type { ConnectionFlags } from "../session.ts";

type Option = CommandUnknownOpts["options"][number];

/** Gives the ids of runs, or of deleted runs, that begin like the word, as far as a server can be asked. */
export type FindRunIds = (word: string, flags: ConnectionFlags, deleted: boolean) => Promise<readonly string[]>;

/** Where the words typed so far have led. */
interface Position {
  readonly command: CommandUnknownOpts;
  /** How many arguments of the command are there already. */
  readonly operands: number;
  /** The option whose value comes next. */
  readonly valueOf: Option | undefined;
  readonly flags: Readonly<Record<string, string>>;
}

/**
 * What may follow: commands, options, their choices, ids of runs. Nothing where a file or a free text is wanted: the
 * shell then offers its file names. The last of `words` is the one being typed, maybe empty.
 */
export async function candidatesFor(
  program: CommandUnknownOpts,
  words: readonly string[],
  findRunIds: FindRunIds,
): Promise<readonly string[]> {
  const word = words.at(-1) ?? "";
  const { command, operands, valueOf, flags } = walk(program, words.slice(0, -1));
  const fitting = (texts: readonly string[]): readonly string[] => texts.filter((text) => text.startsWith(word));
  if (valueOf !== undefined) return fitting(valueOf.argChoices ?? []);
  if (word.startsWith("-")) return fitting(longFlags(program, command));
  const below = operands > 0 ? [] : fitting(command.commands.map((one) => one.name()));
  if (command.commands.length > 0 && command.registeredArguments.length === 0) return below;
  const declared = command.registeredArguments;
  const argument = declared[operands] ?? (declared.at(-1)?.variadic === true ? declared.at(-1) : undefined);
  const takesDeleted = command.name() === "undelete";
  if (argument?.name() === "id") return [...below, ...(await findRunIds(word, flags, takesDeleted))];
  return fitting(argument?.argChoices ?? []);
}

function walk(program: CommandUnknownOpts, words: readonly string[]): Position {
  let command = program;
  let operands = 0;
  let valueOf: Option | undefined;
  const flags: Record<string, string> = {};
  for (const word of words) {
    if (valueOf !== undefined) {
      flags[valueOf.attributeName()] = word;
      valueOf = undefined;
    } else if (word.startsWith("-")) {
      const option = [...command.options, ...program.options].find(
        ({ short, long }) => word === short || word === long,
      );
      valueOf = option?.required === true ? option : undefined;
    } else {
      const next = command.commands.find((one) => one.name() === word);
      if (next === undefined) operands += 1;
      command = next ?? command;
    }
  }
  return { command, operands, valueOf, flags };
}

function longFlags(program: CommandUnknownOpts, command: CommandUnknownOpts): string[] {
  const inherited = command === program ? [] : heededFlags(program, command.name());
  const shown = [...command.options, ...inherited].filter(({ hidden }) => !hidden);
  return [...shown.flatMap(({ long }) => long ?? []), "--help"];
}
