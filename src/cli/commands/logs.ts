import { Option } from "@commander-js/extra-typings";
import type { Client } from "../../client/client.ts";
import { readLogToNow, type FollowOptions } from "../../client/follow-log.ts";
import { waitForEnd } from "../../client/wait-for-run.ts";
import { connect, type Context } from "../context.ts";
import { detachable, sayRetry } from "../detach.ts";
import { sinceOffset } from "../since-offset.ts";
import { printLogToEnd, sayChangesBesideLog, type PrintLog } from "../follow-run.ts";
import { wholeNumber, type Program } from "../options.ts";
import { OUTCOME_CODES, sayOutcome } from "../outcome.ts";
import type { LogGrep } from "../log-grep.ts";
import { findRunId } from "../run-reference.ts";
import { tailOffset } from "../tail-offset.ts";

export function addLogs(program: Program, context: Context): void {
  program
    .command("logs")
    .summary("print a run's log, or follow it to its end")
    .description("Print a run's training log, byte for byte. With -f, follow it to its last byte.")
    .argument("<id>", "the run's id, the beginning of one, or @ for the newest run")
    .option("-f, --follow", "wait for more until the log is complete; Ctrl-C detaches")
    .addOption(new Option("--tail <lines>", "begin with the last lines only").argParser(wholeNumber(0, 1_000_000)))
    .addOption(
      new Option("--learner <number>", "the learner whose log it is").default(1).argParser(wholeNumber(1, 10_000)),
    )
    .addOption(
      new Option("--attempt <number>", "the attempt whose log it is (default: the last)").argParser(
        wholeNumber(1, 10_000),
      ),
    )
    .option("--since <time>", "begin with what was seen at a time or later: 10m, 2h, or 2026-01-31T12:00Z")
    .option("--grep <pattern>", "print only the lines that match a regular expression")
    .option("--exit-status", "end with the run's outcome: 0 completed, 100 failed, 101 not ended yet, 103 canceled")
    .action(async (text, options) => {
      const client = await connect(context);
      const id = await findRunId(client, text);
      await detachable(context, id, async (signal) => {
        const { learner, attempt, tail, follow: isFollowed = false } = options;
        const grep = options.grep === undefined ? null : new (await import("../log-grep.ts")).LogGrep(options.grep);
        const print = printing(context, grep);
        const where = { learner, attempt, signal };
        const since = options.since === undefined ? 0 : await sinceOffset(context, client, id, options.since, where);
        const matches = grep !== null && tail !== undefined ? { grep, count: tail, isFollowed } : null;
        const offset =
          matches !== null
            ? await printLastMatches(context, client, id, { offset: since, ...where }, matches)
            : Math.max(since, tail === undefined ? 0 : await tailOffset(client, id, tail, where));
        const onChange = sayChangesBesideLog(context);
        if (isFollowed) await printLogToEnd(context, client, id, { offset, learner, attempt, print, onChange, signal });
        else if (matches === null) await printLogToNow(client, id, { offset, learner, attempt, signal }, print);
        await print(null);
        if (options.exitStatus !== true) return;
        // A complete log is not yet an ended run: its results are still being stored.
        const run = isFollowed
          ? await waitForEnd(client, id, { signal, onRetry: sayRetry(context), onChange })
          : await client.call("getRun", { params: { id }, signal });
        if (isFollowed) await sayOutcome(context, run, learner);
        context.exitCode = OUTCOME_CODES[run.state];
      });
    });
}

async function printLogToNow(client: Client, id: string, where: FollowOptions, print: PrintLog): Promise<void> {
  for await (const bytes of readLogToNow(client, id, { ...where, ...AT_ONCE })) await print(bytes);
}

/** Nobody waits for what is there now: that the server cannot be reached is said at once. */
const AT_ONCE = { isWorthIt: () => false };

/**
 * Prints the last lines of those that match now, and resolves with where the log goes on. Where it is followed, a line
 * without an end waits for it.
 */
async function printLastMatches(
  context: Context,
  client: Client,
  id: string,
  where: FollowOptions,
  { grep, count, isFollowed }: { readonly grep: LogGrep; readonly count: number; readonly isFollowed: boolean },
): Promise<number> {
  const parts = readLogToNow(client, id, { ...where, ...AT_ONCE });
  let last: readonly string[] = [];
  const keep = (found: string): void => {
    const lines = found === "" ? [] : found.split(/(?<=\n)/);
    last = count === 0 ? [] : [...last, ...lines].slice(-count);
  };
  for (;;) {
    const part = await parts.next();
    if (part.done !== true) keep(grep.push(part.value));
    else {
      if (!isFollowed) keep(grep.end());
      await context.io.stdout.write(last.join(""));
      return part.value;
    }
  }
}

/** Every byte as it is, or the lines that match; null says that there are no more. */
function printing(context: Context, grep: LogGrep | null): PrintLog {
  const { stdout } = context.io;
  if (grep === null) return async (bytes) => (bytes === null ? undefined : stdout.write(bytes));
  return async (bytes) => {
    const found = bytes === null ? grep.end() : grep.push(bytes);
    if (found !== "") await stdout.write(found);
  };
}
