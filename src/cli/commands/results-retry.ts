import { resolve } from "node:path";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { wrongUse } from "../cli-error.ts";
import { connect, say, type Context } from "../context.ts";
import { readFilledManifest } from "../filled-manifest.ts";
import { outputOption } from "../options.ts";
import { printData } from "../output/format.ts";
import { findRunId } from "../run-reference.ts";

/** A command below `results`. */
export function addResultsRetry(results: CommandUnknownOpts, context: Context): void {
  results
    .command("retry")
    .summary("store results that could not be stored")
    .description(
      "Store the results of an ended run that its bucket did not take at its end. The program does not run again, and how " +
        "the run ended does not change.",
    )
    .argument("<id>", "the run's id, the beginning of one, or @ for the newest run")
    .option("--credentials <manifest>", "the run's manifest with newer credentials for its results bucket")
    .option("-q, --quiet", "print the id and say nothing else")
    .addOption(outputOption("name", "json", "yaml"))
    .action(async (text, options) => {
      const client = await connect(context);
      const id = await findRunId(client, text);
      const { credentials: path } = options;
      const json = path === undefined ? {} : { manifest: await manifestText(context, path) };
      const run = await client.call("retryResults", { params: { id }, json });
      if (options.quiet !== true) await say(context, `The server stores the results of run ${id} in the background.`);
      const name = (): string => `${id}\n`;
      await printData(context.io, options.output, run, { table: name, name });
    });
}

async function manifestText(context: Context, path: string): Promise<string> {
  const { bytes, problems } = await readFilledManifest(context, { path: resolve(context.io.cwd, path), shown: path });
  const [first] = problems;
  if (first !== undefined) throw wrongUse(`${path}: ${first.message}`, first.hint ?? "");
  return Buffer.from(bytes).toString("utf8");
}
