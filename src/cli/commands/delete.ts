import type { Client } from "../../client/client.ts";
import { connect, say, type Context } from "../context.ts";
import type { Program } from "../options.ts";
import { failureReport, formatFailure } from "../report.ts";
import { findRunId } from "../run-reference.ts";

export function addDelete(program: Program, context: Context): void {
  program
    .command("delete")
    .summary("delete the service's history of runs; buckets are left alone")
    .description(
      "Delete the service's history of runs that have ended. What they stored in their results buckets stays where it is.",
    )
    .argument("<id...>", "ids of runs, beginnings of ids, or @ for the newest run")
    .option("-q, --quiet", "print the ids and say nothing else")
    .action(async (texts, options) => {
      const client = await connect(context);
      // All are found before the first is gone: `@` and beginnings keep their meaning.
      const ids: string[] = [];
      for (const text of texts) ids.push(await findRunId(client, text));
      for (const id of new Set(ids)) await deleteOne(context, client, id, options.quiet === true);
    });
}

/** One run that cannot be deleted does not keep the others; the first failure is the exit code. */
async function deleteOne(context: Context, client: Client, id: string, isQuiet: boolean): Promise<void> {
  try {
    await client.call("deleteRun", { params: { id } });
  } catch (error) {
    const report = await failureReport(error, context);
    if (context.exitCode === 0) context.exitCode = report.exitCode;
    await context.io.stderr.write(formatFailure(context, report));
    return;
  }
  await context.io.stdout.write(`${id}\n`);
  if (!isQuiet) await say(context, `Deleted the history of run ${id}; its results bucket is as it was.`);
}
