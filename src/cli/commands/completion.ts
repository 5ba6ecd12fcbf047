import { Argument, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { candidatesFor } from "../completion/candidates.ts";
import { COMPLETION_SCRIPTS } from "../completion/scripts.ts";
import { connect, createContext, type Context } from "../context.ts";
import type { Program } from "../options.ts";
import type { ConnectionFlags } from "../session.ts";

const SHELLS = Object.keys(COMPLETION_SCRIPTS) as (keyof typeof COMPLETION_SCRIPTS)[];
const PREFIX = "training-";
const IDS_OFFERED = 200;
/** Somebody has pressed TAB and waits: rather no ids than a terminal that seems dead. */
const PATIENCE_MS = 1000;

/** `buildAll` gives the program with every command, which is what the candidates are read from. */
export function addCompletion(buildAll: (context: Context) => Promise<CommandUnknownOpts>) {
  return (program: Program, context: Context): void => {
    program
      .command("completion")
      .summary("print a script that completes commands, options and ids at TAB")
      .description(
        "Print the script that makes a shell complete commands, options and ids of runs at TAB. With the words typed so far " +
          "behind --, print what may follow them, as the scripts do at every TAB.",
      )
      .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(SHELLS))
      .argument("[words...]", "the words behind 'trainyard', the last one being typed")
      .action(async (shell, words) => {
        const { stdout } = context.io;
        if (words.length === 0) return await stdout.write(COMPLETION_SCRIPTS[shell]);
        const all = await buildAll(context);
        const found = await candidatesFor(all, words, (word, flags, deleted) =>
          findRunIds(context, word, flags, deleted),
        );
        await stdout.write(found.map((candidate) => `${candidate}\n`).join(""));
      });
  };
}

async function findRunIds(
  context: Context,
  word: string,
  flags: ConnectionFlags,
  deleted: boolean,
): Promise<readonly string[]> {
  // An id may be written without its beginning, and a candidate must begin like the word.
  const isWhole = PREFIX.startsWith(word) || word.startsWith(PREFIX);
  const idPrefix = isWhole ? word : PREFIX + word;
  try {
    const asked = { ...createContext(context.io, context.machine), flags };
    const client = await connect(asked);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const { runs } = await client.call("listRuns", { query: { idPrefix, deleted, limit: IDS_OFFERED }, signal });
    return runs.map(({ id }) => (isWhole ? id : id.slice(PREFIX.length)));
  } catch {
    // Without a server there are no ids to offer, and TAB is no place for a complaint.
    return [];
  }
}
