import type { Client } from "../../client/client.ts";
import type { RunView } from "../../contract/run.ts";
import { commandLine, connect, say, type Context } from "../context.ts";
import type { Program } from "../options.ts";
import { remainingTime } from "../output/age.ts";
import { printable } from "../output/printable.ts";
import { failureReport, formatFailure } from "../report.ts";
import { findDeletedRunId, findRunId } from "../run-reference.ts";

export function addDelete(program: Program, context: Context): void {
  program
    .command("delete")
    .summary("delete the service's history of runs; buckets are left alone")
    .description(
      "Delete the service's history of runs that have ended. What they stored in their results buckets stays where it is. For some time a deletion can be taken back with undelete.",
    )
    .argument("<id...>", "ids of runs, beginnings of ids, or @ for the newest run")
    .option("--now", "for good and at once, which frees the disk; it cannot be taken back")
    .option("--discard-results", "with --now: also when no bucket has the results and the only copy goes")
    .option("-q, --quiet", "print the ids and say nothing else")
    .action(async (texts, options) => {
      const { now = false, discardResults = false } = options;
      const client = await connect(context);
      // All are found before the first is gone: `@` and beginnings keep their meaning.
      const ids: string[] = [];
      for (const text of texts) ids.push(await findRunId(client, text));
      for (const id of new Set(ids)) {
        await eachOnItsOwn(context, async () => {
          const run = await client.call("deleteRun", { params: { id }, query: { now, discardResults } });
          await context.io.stdout.write(`${id}\n`);
          if (options.quiet !== true) await say(context, deletionOf(context, id, run));
        });
      }
    });
}

export function addUndelete(program: Program, context: Context): void {
  program
    .command("undelete")
    .summary("take the deletion of runs back")
    .description("Take the deletion of runs back, as long as they are listed by list --deleted.")
    .argument("<id...>", "ids of deleted runs, beginnings of ids, or @ for the last one deleted")
    .option("-q, --quiet", "print the ids and say nothing else")
    .action(async (texts, options) => {
      const client = await connect(context);
      const ids: string[] = [];
      for (const text of texts) ids.push(await findDeletedRunId(client, text));
      for (const id of new Set(ids)) await eachOnItsOwn(context, () => undelete(context, client, id, options.quiet));
    });
}

async function undelete(context: Context, client: Client, id: string, isQuiet = false): Promise<void> {
  await client.call("restoreRun", { params: { id } });
  await context.io.stdout.write(`${id}\n`);
  if (!isQuiet) await say(context, `Run ${id} is back in the list.`);
}

function deletionOf(context: Context, id: string, run: RunView | undefined): string {
  if (run === undefined) return `Deleted the history of run ${id}; its results bucket is as it was.`;
  const left = run.undoUntil === null ? "a time" : remainingTime(run.undoUntil, context.io.now());
  const undo = commandLine(context, `undelete ${id}`);
  const deleted = `Deleted run ${id}; its results bucket is as it was. For ${left} this takes it back: ${undo}`;
  const { localCopy } = run.results;
  if (localCopy === null) return deleted;
  const retry = commandLine(context, `results retry ${id}`);
  return (
    `${deleted}\nNo bucket has its results: the only copy, in ${printable(localCopy)}, goes with the run after that time. ` +
    `This stores them first: ${retry}`
  );
}

/** One run that is refused does not keep the others; the first failure is the exit code. */
async function eachOnItsOwn(context: Context, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const report = await failureReport(error, context);
    if (context.exitCode === 0) context.exitCode = report.exitCode;
    await context.io.stderr.write(formatFailure(context, report));
  }
}
