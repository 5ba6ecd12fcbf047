import { Option } from "@commander-js/extra-typings";
import { waitForEnd } from "../../client/wait-for-run.ts";
import { connect, say, type Context } from "../context.ts";
import { detachable, sayRetry } from "../detach.ts";
import { outputOption, wholeNumber, type Program } from "../options.ts";
import { sayOutcome } from "../outcome.ts";
import { printData } from "../output/format.ts";
import { findRunId } from "../run-reference.ts";

export function addStop(program: Program, context: Context): void {
  program
    .command("stop")
    .summary("stop a run and keep what it has produced")
    .description("Stop a run. Its logs and what it has produced so far are stored like those of a completed run.")
    .argument("<id>", "the run's id, the beginning of one, or @ for the newest run")
    .addOption(
      new Option(
        "--grace <seconds>",
        "how long the program may take to end by itself (as the server is configured)",
      ).argParser(wholeNumber(0, 3600)),
    )
    .option("-w, --wait", "wait until the run has ended and its results are stored")
    .option("-q, --quiet", "print the id and say nothing else")
    .addOption(outputOption("name", "json", "yaml"))
    .action(async (text, options) => {
      const client = await connect(context);
      const id = await findRunId(client, text);
      const isQuiet = options.quiet === true;
      const { grace } = options;
      let run = await client.call("stopRun", {
        params: { id },
        json: grace === undefined ? {} : { graceSeconds: grace },
      });
      const time = grace === undefined ? "" : `; it has ${grace} s to end by itself`;
      if (!isQuiet) await say(context, `Run ${id} is asked to stop${time}.`);
      if (options.wait === true) {
        run = await detachable(context, id, (signal) => waitForEnd(client, id, { signal, onRetry: sayRetry(context) }));
        if (!isQuiet) await sayOutcome(context, run, null);
      }
      const name = (): string => `${id}\n`;
      await printData(context.io, options.output, run, { table: name, name });
    });
}
