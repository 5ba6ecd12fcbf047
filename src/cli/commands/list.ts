import { Option } from "@commander-js/extra-typings";
import type { Client } from "../../client/client.ts";
import type { RunStateName, RunView } from "../../contract/run.ts";
import { RUN_STATES } from "../../contract/run-states.ts";
import { wrongUse } from "../cli-error.ts";
import { connect, say, type Context } from "../context.ts";
import { outputOption, wholeNumber, type Program } from "../options.ts";
import { ageOf } from "../output/age.ts";
import { printData } from "../output/format.ts";
import { paintState } from "../output/paint.ts";
import { formatTable } from "../output/table.ts";

const PAGE = 1000;

export function addList(program: Program, context: Context): void {
  program
    .command("list")
    .summary("list runs, newest first")
    .description("List runs, newest first.")
    .option("--state <states>", "only runs in these states, separated by commas")
    .option("--name <name>", "only runs with this name")
    .addOption(new Option("--limit <count>", "at most this many").default(50).argParser(wholeNumber(1, 100_000)))
    .option("--all", "every run")
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (options) => {
      const client = await connect(context);
      const wanted = options.all === true ? Number.POSITIVE_INFINITY : options.limit;
      const state = options.state === undefined ? undefined : await parseStates(options.state);
      const { runs, hasMore } = await collect(client, wanted, { state, name: options.name });
      await printData(context.io, options.output, runs, {
        table: () => runTable(context, runs),
        name: () => runs.map((run) => `${run.id}\n`).join(""),
      });
      if (options.output !== "table") return;
      if (runs.length === 0) await say(context, "No runs.");
      if (hasMore) await say(context, `There are more runs; --all lists every one.`);
    });
}

async function collect(
  client: Client,
  wanted: number,
  filter: { readonly state: RunStateName[] | undefined; readonly name: string | undefined },
): Promise<{ readonly runs: RunView[]; readonly hasMore: boolean }> {
  const runs: RunView[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(PAGE, wanted - runs.length);
    const page = await client.call("listRuns", { query: { ...filter, limit, cursor } });
    runs.push(...page.runs);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && runs.length < wanted);
  return { runs, hasMore: cursor !== undefined };
}

async function parseStates(text: string): Promise<RunStateName[]> {
  const states: RunStateName[] = [];
  for (const word of text.split(",").map((part) => part.trim())) {
    const state = RUN_STATES.find((known) => known === word);
    if (state === undefined) throw await noSuchState(word);
    states.push(state);
  }
  return states;
}

async function noSuchState(word: string): Promise<Error> {
  const { nearest } = await import("../../base/nearest.ts");
  const meant = nearest(word, RUN_STATES);
  const question = meant === undefined ? "" : ` (did you mean '${meant}'?)`;
  return wrongUse(`'${word}' is no state of a run${question}.`, `The states are ${RUN_STATES.join(", ")}.`);
}

async function runTable(context: Context, runs: readonly RunView[]): Promise<string> {
  const { io } = context;
  const now = io.now();
  return await formatTable(
    [
      { title: "ID", value: (run: RunView) => run.id },
      { title: "NAME", value: (run) => run.name },
      { title: "STATE", value: (run) => run.state, dress: (_, run) => paintState(io.stdout, run.state) },
      { title: "AGE", value: (run) => ageOf(run.submittedAt, now) },
      { title: "FRAMEWORK", value: (run) => `${run.framework.name} ${run.framework.version}` },
      { title: "WHY", value: (run) => run.waiting?.reason ?? run.failure?.cause ?? "" },
    ],
    runs,
  );
}
