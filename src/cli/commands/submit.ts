import { Option } from "@commander-js/extra-typings";
import { waitForEnd } from "../../client/wait-for-run.ts";
import type { RunView } from "../../contract/run.ts";
import { wrongUse } from "../cli-error.ts";
import { commandLine, connect, say, type Context } from "../context.ts";
import { detachable, sayRetry } from "../detach.ts";
import { printLogToEnd, sayChanges, sayChangesBesideLog } from "../follow-run.ts";
import { duration, outputOption, wholeNumber, type Program } from "../options.ts";
import { OUTCOME_CODES, sayOutcome } from "../outcome.ts";
import { printData, type DataFormat } from "../output/format.ts";
import { printable } from "../output/printable.ts";
import { sendSubmission } from "../send-submission.ts";

const FOLLOWED_LEARNER = 1;

export function addSubmit(program: Program, context: Context): void {
  program
    .command("submit")
    .summary("submit a model definition and a manifest")
    .description("Submit a model definition and a manifest, and print the new run's id.")
    .argument("<definition>", "the ZIP with the program, or a folder, which is packed first")
    .argument("<manifest>", "the manifest, YAML or JSON")
    .option("-w, --wait", "wait for the run's end: 0 completed, 100 failed, 103 canceled; Ctrl-C detaches")
    .option("-f, --follow", "print the run's log as it grows, and wait for its end like --wait")
    .option("-q, --quiet", "print the id and say nothing else")
    .addOption(
      new Option("--idempotency-key <key>", "repeat a submission safely: one key makes one run (default: a new key)"),
    )
    .addOption(
      new Option("--time-limit <time>", "how long the program may run, in place of the manifest's").argParser(duration),
    )
    .addOption(
      new Option("--retries <number>", "how many retries there may be, in place of the manifest's").argParser(
        wholeNumber(0, 10),
      ),
    )
    .addOption(outputOption("name", "json", "yaml"))
    .action(async (definition, manifest, options) => {
      const { quiet: isQuiet = false, follow = false, wait = false, output } = options;
      if (follow && output !== "name") {
        throw wrongUse("--follow prints the log where the data of --output would go.", "Leave out one of the two.");
      }
      const { idempotencyKey, timeLimit, retries } = options;
      const amendment = { time_limit: timeLimit, retries: retries?.toString() };
      const run = await sendSubmission(context, definition, manifest, { idempotencyKey, isQuiet, amendment });
      // Where somebody waits, json and yaml show the run as it ended.
      if (!follow && (!wait || output === "name")) await printRun(context, run, output);
      const isWaited = follow || wait;
      if (!isQuiet) await saySubmitted(context, run, isWaited);
      if (!isWaited) return;
      const ended = await watch(context, run.id, { follow, isQuiet });
      if (!follow && output !== "name") await printRun(context, ended, output);
      if (!isQuiet) await sayOutcome(context, ended, follow ? FOLLOWED_LEARNER : null);
      context.exitCode = OUTCOME_CODES[ended.state];
    });
}

async function printRun(context: Context, run: RunView, format: DataFormat): Promise<void> {
  const id = (): string => `${run.id}\n`;
  await printData(context.io, format, run, { table: id, name: id });
}

/** What was done and, unless this command goes on itself, the commands that come next, ready to be copied. */
async function saySubmitted(context: Context, run: RunView, isWaited: boolean): Promise<void> {
  await say(context, `Submitted run ${run.id} (${printable(run.name)}).${isWaited ? "" : " Next:"}`);
  if (isWaited) return;
  await say(context, `  ${commandLine(context, `logs -f ${run.id}`)}   follow its log`);
  await say(context, `  ${commandLine(context, `show ${run.id}`)}      see its state and, should it fail, why`);
  await say(context, `  ${commandLine(context, `stop ${run.id}`)}      stop it and keep what it has produced`);
}

async function watch(
  context: Context,
  id: string,
  how: { readonly follow: boolean; readonly isQuiet: boolean },
): Promise<RunView> {
  const client = await connect(context);
  const sayAll = how.follow ? sayChangesBesideLog(context) : sayChanges(context);
  const onChange = how.isQuiet ? undefined : sayAll;
  return await detachable(context, id, async (signal) => {
    if (how.follow) await printLogToEnd(context, client, id, { learner: FOLLOWED_LEARNER, onChange, signal });
    return await waitForEnd(client, id, { signal, onRetry: sayRetry(context), onChange });
  });
}
