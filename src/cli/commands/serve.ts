import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Context } from "../context.ts";
import type { Program } from "../options.ts";
import { homeFor } from "../session.ts";
import { resolve } from "node:path";

export function addServe(program: Program, context: Context): void {
  program
    .command("serve")
    .summary("run the server on this machine")
    .description(
      "Run the server until it is asked to end (SIGTERM, Ctrl-C). Running trainings live on and are found again.",
    )
    .option("--listen <host:port>", "where to listen; port 0 picks a free one")
    .option("--config <file>", "a configuration file other than trainyard.yaml in the home")
    .addOption(new Option("--port <port>").hideHelp().argParser(insteadOfPort))
    .action(async (options) => {
      const { io, machine, flags } = context;
      const home = await homeFor(flags, io);
      const config = options.config === undefined ? null : resolve(io.cwd, options.config);
      context.exitCode = await machine.serve({ home, listen: options.listen ?? null, config });
    });
}

/** Many servers have it; typed out of habit, it gets an answer. */
function insteadOfPort(port: string): never {
  throw new InvalidArgumentError(`There is no such option: write --listen 127.0.0.1:${port}.`);
}
