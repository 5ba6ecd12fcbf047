import { formatBytes } from "../../base/byte-size.ts";
import type { ResultList } from "../../contract/run.ts";
import { connect, say, type Context } from "../context.ts";
import { outputOption, type Program } from "../options.ts";
import { printData } from "../output/format.ts";
import { printable } from "../output/printable.ts";
import { formatTable } from "../output/table.ts";
import { findRunId } from "../run-reference.ts";
import { addResultsRetry } from "./results-retry.ts";

export function addResults(program: Program, context: Context): void {
  const results = program
    .command("results")
    .summary("list what a run has put into its results bucket")
    .description("List the objects in a run's folder of its results bucket.")
    .usage("[options] <id>")
    .argument("<id>", "the run's id, the beginning of one, or @ for the newest run")
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (text, options) => {
      const client = await connect(context);
      const id = await findRunId(client, text);
      const listing = await client.call("listResults", { params: { id } });
      await printData(context.io, options.output, listing, {
        table: () => resultTable(listing),
        name: () => listing.objects.map((object) => `${object.key}\n`).join(""),
      });
      if (options.output === "table") await sayWhere(context, listing);
    });
  addResultsRetry(results, context);
}

async function resultTable(results: ResultList): Promise<string> {
  return await formatTable(
    [
      { title: "SIZE", value: (object: ResultList["objects"][number]) => formatBytes(object.sizeBytes) },
      { title: "KEY", value: (object) => object.key },
    ],
    results.objects,
  );
}

async function sayWhere(context: Context, { bucket, folder, objects, source, truncated }: ResultList): Promise<void> {
  const location = bucket.location === null ? "" : ` at ${printable(bucket.location)}`;
  const place = `folder '${printable(folder)}' of bucket '${printable(bucket.bucket)}'${location}`;
  if (source === "local")
    await say(context, `Not in the bucket: these are the run directory's files, meant for ${place}.`);
  else await say(context, objects.length === 0 ? `Nothing is in ${place} yet.` : `In ${place}.`);
  if (truncated) await say(context, "There are more objects than are listed here.");
}
