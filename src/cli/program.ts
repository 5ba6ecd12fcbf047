import { CommanderError } from "@commander-js/extra-typings";
import { createContext, type Context } from "./context.ts";
import { ClosedOutput } from "./cli-error.ts";
import type { CliIo } from "./io.ts";
import type { Machine } from "./machine.ts";
import { emptyProgram, heededFlags, type Program } from "./options.ts";

type AddCommand = (program: Program, context: Context) => void;

/** Every command, in the order of the help; each file is loaded only where its command is meant. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  submit: async () => (await import("./commands/submit.ts")).addSubmit,
  list: async () => (await import("./commands/list.ts")).addList,
  show: async () => (await import("./commands/show.ts")).addShow,
  logs: async () => (await import("./commands/logs.ts")).addLogs,
  metrics: async () => (await import("./commands/metrics.ts")).addMetrics,
  events: async () => (await import("./commands/events.ts")).addEvents,
  results: async () => (await import("./commands/results.ts")).addResults,
  stop: async () => (await import("./commands/stop.ts")).addStop,
  delete: async () => (await import("./commands/delete.ts")).addDelete,
  undelete: async () => (await import("./commands/delete.ts")).addUndelete,
  retention: async () => (await import("./commands/retention.ts")).addRetention,
  check: async () => (await import("./commands/check.ts")).addCheck,
  convert: async () => (await import("./commands/convert.ts")).addConvert,
  credentials: async () => (await import("./commands/credentials.ts")).addCredentials,
  cache: async () => (await import("./commands/cache.ts")).addCache,
  environments: async () => (await import("./commands/environments.ts")).addEnvironments,
  serve: async () => (await import("./commands/serve.ts")).addServe,
  doctor: async () => (await import("./commands/doctor.ts")).addDoctor,
  login: async () => (await import("./commands/login.ts")).addLogin,
  logout: async () => (await import("./commands/logout.ts")).addLogout,
  completion: async () => (await import("./commands/completion.ts")).addCompletion(buildTrainyard),
};

/** Runs one command line and resolves with its exit code. Rejects never: what goes wrong is told on stderr. */
export async function runCli(
  program: "trainyard" | "bx",
  args: readonly string[],
  io: CliIo,
  machine: Machine,
): Promise<number> {
  const context = createContext(io, machine);
  try {
    if (program === "bx") return await (await import("./bx/bx.ts")).runBx(args, context);
    return await runTrainyard(args, context);
  } catch (error) {
    return await reportQuietly(error, context);
  }
}

async function reportQuietly(error: unknown, context: Context): Promise<number> {
  if (error instanceof ClosedOutput) return 0;
  const { failureReport, formatFailure } = await import("./report.ts");
  const report = await failureReport(error, context);
  try {
    await context.io.stderr.write(formatFailure(context, report));
  } catch {
    // Nobody reads stderr any more; the exit code still tells.
  }
  return report.exitCode;
}

async function runTrainyard(words: readonly string[], context: Context): Promise<number> {
  const args = withoutHelpWord(words);
  const name = commandIn(args);
  if (name === undefined && args.some((word) => word === "--version" || word === "-V"))
    return await printVersion(context);
  const program = await buildTrainyard(context, isCommand(name) ? [name] : Object.keys(COMMANDS));
  const talk = { out: "", err: "" };
  prepare(program, context, talk);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    context.exitCode = error.exitCode === 0 ? 0 : 2;
  }
  if (talk.out !== "") await context.io.stdout.write(talk.out);
  if (talk.err !== "") await context.io.stderr.write(talk.err);
  return context.exitCode;
}

/**
 * `help list` is `list --help`. Of a command that does not exist the parser would show the program's help; without
 * the word for help it says that there is none, and which one may be meant.
 */
function withoutHelpWord(args: readonly string[]): readonly string[] {
  if (args.length === 0) return ["--help"];
  const name = commandIn(args);
  if (name === undefined || isCommand(name)) return args;
  if (name !== "help") return args.filter((word) => word !== "-h" && word !== "--help");
  const topic = commandIn(args.slice(args.indexOf(name) + 1));
  if (topic === undefined) return ["--help"];
  return isCommand(topic) ? [topic, "--help"] : [topic];
}

function isCommand(name: string | undefined): name is string {
  return name !== undefined && Object.hasOwn(COMMANDS, name);
}

async function printVersion(context: Context): Promise<number> {
  const { productVersion } = await import("./product-version.ts");
  await context.io.stdout.write(`trainyard ${productVersion()}\n`);
  return 0;
}

/** `trainyard` with the named commands; with all of them it is what the reference describes. */
export async function buildTrainyard(context: Context, names = Object.keys(COMMANDS)): Promise<Program> {
  const program = emptyProgram();
  for (const name of names) (await COMMANDS[name]?.())?.(program, context);
  return program;
}

/** Keeps the parser from writing and exiting by itself, and lets it hand the flags over before a command runs. */
function prepare(program: Program, context: Context, talk: { out: string; err: string }): void {
  const output = {
    writeOut: (text: string) => void (talk.out += text),
    writeErr: (text: string) => void (talk.err += text),
    getOutHelpWidth: () => context.io.stdout.columns ?? 100,
    getErrHelpWidth: () => context.io.stderr.columns ?? 100,
    getOutHasColors: () => context.io.stdout.hasColor,
    getErrHasColors: () => context.io.stderr.hasColor,
  };
  for (const command of [program, ...program.commands]) {
    const words = command === program ? "trainyard" : `trainyard ${command.name()}`;
    const usage = `usage: ${words} ${command.usage()}\n`;
    const outputError = (text: string, write: (text: string) => void): void =>
      write(inOurWords(text) + (ARGUMENTS_AT_FAULT.test(text) ? usage : ""));
    command
      .exitOverride()
      .configureOutput({ ...output, outputError })
      .showHelpAfterError("hint: --help shows what can be written.");
    command.configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: () => (command === program ? [] : heededFlags(program, command.name())),
    });
  }
  program.hook("preAction", () => {
    context.flags = program.opts();
  });
}

/** What is answered best by how the command is written. */
const ARGUMENTS_AT_FAULT = /^error: (?:missing required argument|too many arguments)/;

/** The parser's sentence about a value, without its own word for an argument. */
function inOurWords(text: string): string {
  return text
    .replace(/^error: command-argument value '(.*)' is invalid for argument '(.*?)'\. /s, "error: '$1' is no $2. ")
    .replace(/^error: option '(.*?)' argument '(.*)' is invalid\. /s, "error: '$2' is no value for '$1'. ");
}

const FLAGS_WITH_VALUE = new Set(["--home", "--url", "--token-file"]);

/** The word that names the command, past the flags of the program. */
function commandIn(args: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] as string;
    if (FLAGS_WITH_VALUE.has(word)) i += 1;
    else if (!word.startsWith("-")) return word;
  }
  return undefined;
}
